package ftpstest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/server"
)

// command is server.Intercept.Command: it lets faults happen to commands.
func (s *Server) command(ctx context.Context, c server.Command, run func() server.Reply) server.Reply {
	verb, _, _ := strings.Cut(c.Line, " ")
	if verb == "" {
		verb = connect
	}
	sess := s.sessions.at(c.Session.Peer)
	s.transcript.command(sess, c.Line)
	strikes := s.faults.strike(verb)
	for _, f := range strikes {
		s.transcript.event(sess, "fault %s", f.Fault)
	}
	if slices.Contains(groups["transfer"], verb) {
		sess.arm(strikes)
		whole := run
		run = func() server.Reply {
			r := whole()
			if f := sess.disarm(); f != nil {
				r = f.reply()
			}
			return r
		}
	}
	r := s.answer(sess, strikes, run)
	for _, f := range strikes {
		if f.Kind == Mute && f.wait(ctx) != nil {
			break // the session is over
		}
	}
	return r
}

// answer runs a command unless a fault forbids that, and returns the reply that
// the faults give, else the command's own.
func (s *Server) answer(sess *session, strikes []*strike, run func() server.Reply) (r server.Reply) {
	var instead *strike
	for _, f := range strikes {
		switch {
		case f.Kind == Shutdown:
			s.background.Go(func() { s.Server.Shutdown(context.Background()) })
		case instead == nil && (f.Kind == Reply || f.Kind == Drop && !f.transfer()):
			instead = f
		}
	}
	if instead == nil || instead.Done {
		r = run()
	}
	switch {
	case instead == nil:
	case instead.Kind == Drop:
		hangUp(sess.conn, instead.how())
	default:
		r = instead.reply()
	}
	for _, f := range strikes {
		if f.Kind == Announce {
			f.announce(&r)
		}
	}
	return r
}

// transfer reports whether the fault happens to a transfer.
func (f *strike) transfer() bool { return slices.Contains(groups["transfer"], f.verb) }

// code returns Code or its default.
func (f *strike) code() int {
	def := map[string]int{"PASS": 530, "PASV": 425, "EPSV": 425, connect: 421}[f.verb]
	switch {
	case f.Kind == Cut:
		def = 426
	case f.Kind == Full:
		def = 552
	case f.transfer():
		def = 450
	}
	return cmp.Or(f.Code, def, 502)
}

// reply returns the reply that the fault gives to the client.
func (f *strike) reply() server.Reply {
	text := f.Text
	if text == "" {
		text = fmt.Sprintf("On purpose: %s.", f.Kind)
	}
	return server.Reply{Code: f.code(), Lines: strings.Split(text, "\n")}
}

// nobody is an address for documentation, RFC 5737.
var nobody = netip.AddrFrom4([4]byte{192, 0, 2, 1})

// announce changes the reply to PASV or EPSV.
func (f *strike) announce(r *server.Reply) {
	addr, port, _ := splitAddr(cmp.Or(f.Addr, nobody.String())) // validated
	switch r.Code {
	case 227:
		at, err := wire.ParsePasvReply(wireReply(*r))
		if err != nil {
			return
		}
		if addr.IsValid() {
			at = netip.AddrPortFrom(addr, at.Port())
		}
		if port != 0 {
			at = netip.AddrPortFrom(at.Addr(), port)
		}
		r.Lines = []string{"Entering Passive Mode (" + wire.FormatPort(at) + ")."}
	case 229:
		if port != 0 {
			r.Lines = []string{fmt.Sprintf("Entering Extended Passive Mode (|||%d|)", port)}
		}
	}
}

// wireReply returns a reply in one string.
func wireReply(r server.Reply) string {
	return fmt.Sprintf("%d %s", r.Code, strings.Join(r.Lines, "\n"))
}

// hangUp closes a connection as it is, without a reply or close_notify.
func hangUp(conn net.Conn, how string) {
	if conn == nil {
		return
	}
	if t := tcp.Below(conn); t != nil && how == "rst" {
		t.SetLinger(0)
	}
	conn.Close()
}
