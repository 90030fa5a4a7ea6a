package server

import (
	"context"
	"errors"
	"net"
	"slices"

	"github.com/sallyport/sallyport/internal/wire"
)

// Intercept holds functions that stand between the clients and the server: Hooks
// are told of what happened, whereas functions of Intercept take part. They are
// for commands of your own, for refusing some, for limits on bandwidth, and for
// tests. Either may be nil. Sessions run at the same time, and so do a transfer
// and what its client asks meanwhile: the functions must be safe for concurrent
// use. A function that panics ends its session.
type Intercept struct {
	// Command is called for each command, known or not, before the server looks at the
	// command, hence before any login as well (c.Session.User is empty then), and for
	// the greeting, for which c.Line is empty. A line that has not the form of a
	// command is answered with 500 and doesn't reach Command. Command calls run to have
	// the command done, once or not at all and before Command returns, and returns what
	// run returned or another reply. c has no Code and no Duration yet, and the verb in
	// c.Line is in upper case.
	//
	// Replies with 1yz are sent by run; with 421 the session ends. Work that
	// follows a reply, as the handshake follows the 234 to AUTH, is done only if
	// the reply that Command returns has the same first digit. Everything else
	// that run did stays done, a login or a QUIT included, whatever the client is
	// told. Refuse by not calling run.
	//
	// A transfer is over when run returns. During a transfer over a data connection
	// NOOP and STAT without a path are handled in another goroutine, unless other
	// commands wait before them. By the time that Command hears of ABOR, the transfer
	// has ended. The context ends with the session.
	Command func(ctx context.Context, c Command, run func() Reply) Reply

	// Data is called when the data connection of a transfer is there and protected,
	// before any file is created; t says what is known of the transfer by then. Data
	// returns conn itself or a connection around it. The server reads from the returned
	// connection or writes to it, and closes it unless the connection is aborted; its
	// Close must close conn. An error is treated as one of the driver's. conn is a
	// [tls.Conn] or, in clear, a connection with a method NetConn; a connection around
	// conn keeps files from being handed to the kernel (sendfile). conn carries what
	// crosses the network: lines that end in CRLF in TYPE A, compressed data in MODE Z.
	// A tls.Conn gathers what is written until it is half a megabyte, the connection is
	// closed, or Flush of tls.Conn is called; a connection in clear sends at once. The
	// server calls Flush itself while a slow driver has nothing more to send. The
	// context ends when the transfer is over, aborted or not; Read and Write of conn
	// fail then.
	Data func(ctx context.Context, t Transfer, conn net.Conn) (net.Conn, error)
}

// Reply is a reply of the control connection (RFC 959, section 4.2).
type Reply struct {
	// Code has three digits; one that is not between 100 and 699 is sent as 451.
	Code int
	// Lines are the texts, without codes and line ends. No lines mean one empty line.
	// Control characters are sent as question marks.
	Lines []string
}

var errClosing421 = errors.New("server: a reply with 421 was given")

// intercepted has a command answered by Intercept.Command, or by run alone.
func (s *session) intercepted(c Command, run func() wire.Reply) wire.Reply {
	w := s.srv.Intercept
	if w == nil || w.Command == nil {
		return run()
	}
	var ran wire.Reply
	c.Session = s.info()
	r := w.Command(s.ctx, c, func() Reply {
		ran = run()
		return Reply{ran.Code, slices.Clone(ran.Lines)}
	})
	if r.Code < 100 || r.Code > 699 {
		r.Code = 451
	}
	if r.Code/100 != ran.Code/100 {
		s.afterReply = nil
	}
	if r.Code == 421 {
		s.endWith(errClosing421)
	}
	return wire.Multi(r.Code, r.Lines...)
}

// intercept gives the data connection to Intercept.Data.
func (c *dataConn) intercept(s *session, t *transfer) error {
	w := s.srv.Intercept
	if w == nil || w.Data == nil {
		return nil
	}
	var conn net.Conn = c.idle
	if c.tls != nil {
		conn = c.tls
	}
	info := t.report()
	info.Session = s.info()
	around, err := w.Data(t.ctx, info, conn)
	if err != nil {
		return err
	}
	if around != conn {
		c.ReadWriter, c.around = around, around
	}
	return nil
}

// NetConn returns the connection below.
func (c *idleConn) NetConn() net.Conn { return c.Conn }
