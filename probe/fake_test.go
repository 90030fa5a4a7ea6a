package probe

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/test/memnet"
)

// Actions of a fake in place of a reply.
const (
	silence = "silence" // nothing
	cut     = "cut"     // end the connection
)

// fake is a server that can be wrong in every way. The zero value is a good server without TLS.
type fake struct {
	world    *world
	tls      *tls.Config
	data     *tls.Config // for data connections; nil for tls
	implicit bool
	greeting string        // the first reply; empty for 220
	delay    time.Duration // before the greeting
	raw      string        // what is sent instead of TLS on an implicit port
	ports    []uint16      // data ports, used in turn
	address  string        // the address in a 227, as h1,h2,h3,h4
	// reply may answer in place of the fake; empty has the fake answer.
	reply func(s *fakeSession, verb, arg string) string
	// The following say how data connections are handled.
	late, noEarly, bare, clearData, deafData, needReuse, refuseReuse bool
	// lose is how many bytes at the end of an upload are lost.
	lose int
	// forget, say421 and hangUp are the idle times after which a session is forgotten, ended by 421, or closed
	// without a reply.
	forget, say421, hangUp time.Duration
	// slow is how long 150 takes, and pause how long each line of a listing takes after it.
	slow, pause time.Duration
	// lines is how many lines a listing has, 0 for one, and width by how much they are longer than usual.
	lines, width int
	// mtu is the largest packet that data connections let through, 0 for any.
	mtu int
	// severed has listings end within a TLS record.
	severed bool
	// unresumed is the reply by which needReuse refuses; empty for vsftpd's.
	unresumed string
}

// fakeSession is a control connection of a fake.
type fakeSession struct {
	*fake
	conn    net.Conn
	secure  bool
	private bool
	logged  bool
	next    int
	ready   chan net.Conn
	file    []byte
}

func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	s := &fakeSession{fake: f, conn: conn}
	if f.implicit {
		if f.raw != "" {
			io.WriteString(conn, f.raw)
		}
		if !s.upgrade() {
			return
		}
	}
	time.Sleep(f.delay)
	greeting := f.greeting
	if greeting == "" {
		greeting = "220 ready"
	}
	s.say("%s", greeting)
	last := time.Now()
	for lines := bufio.NewReader(s.conn); ; {
		if f.hangUp > 0 {
			conn.SetReadDeadline(time.Now().Add(f.hangUp))
		}
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if f.forget > 0 && time.Since(last) > f.forget {
			io.Copy(io.Discard, conn)
			return
		}
		if f.say421 > 0 && time.Since(last) > f.say421 {
			s.say("421 Timeout.")
			return
		}
		last = time.Now()
		verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
		was := s.conn
		if !s.command(verb, arg) {
			return
		}
		if s.conn != was {
			lines.Reset(s.conn)
		}
	}
}

func (s *fakeSession) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if text != silence {
		io.WriteString(s.conn, strings.ReplaceAll(text, "\n", "\r\n")+"\r\n")
	}
}

func (s *fakeSession) upgrade() bool {
	conn := tls.Server(s.conn, s.tls)
	if conn.Handshake() != nil {
		return false
	}
	s.conn, s.secure = conn, true
	return true
}

// command runs a command. It returns false to end the session.
func (s *fakeSession) command(verb, arg string) bool {
	s.world.hear(verb, s.secure)
	if s.reply != nil {
		switch text := s.reply(s, verb, arg); {
		case text == cut:
			return false
		case text != "":
			s.say("%s", text)
			return true
		}
	}
	switch verb {
	case "FEAT":
		if s.tls == nil {
			s.say("211-Features\n EPSV\n211 End")
		} else {
			s.say("211-Features\n AUTH TLS\n EPSV\n211 End")
		}
	case "AUTH":
		if s.tls == nil || s.secure {
			s.say("502 No TLS.")
			return true
		}
		s.say("234 Go on.")
		return s.upgrade()
	case "USER":
		s.say("%s", map[bool]string{true: "331 Password?", false: "530 TLS first."}[s.secure || s.tls == nil])
	case "PASS":
		s.logged = true
		s.say("230 Welcome.")
	case "PROT":
		s.private = true
		s.say("200 Private.")
	case "EPSV", "PASV":
		s.offer(verb)
	case "LIST", "RETR", "STOR":
		return s.transfer(verb)
	case "QUIT":
		s.say("221 Bye.")
		return false
	default:
		s.say("200 OK.")
	}
	return true
}

func (s *fakeSession) offer(verb string) {
	if !s.logged {
		s.say("530 Log in first.")
		return
	}
	ports := s.ports
	if len(ports) == 0 {
		ports = []uint16{21003, 21000, 21007, 21001, 21010, 21005}
	}
	port := ports[s.next%len(ports)]
	s.next++
	s.ready = s.world.offer(port)
	if verb == "EPSV" {
		s.say("229 Extended (|||%d|)", port)
		return
	}
	address := s.address
	if address == "" {
		address = strings.ReplaceAll(there.String(), ".", ",")
	}
	s.say("227 Passive (%s,%d,%d)", address, port>>8, port&255)
}

// transfer runs a transfer. The data connection is there already, since the probe dials before it sends the command.
func (s *fakeSession) transfer(verb string) bool {
	raw := <-s.ready
	time.Sleep(time.Millisecond) // waits until all that was on its way has come
	early := raw.(*memnet.Conn).Unread() > 0
	if s.mtu > 0 {
		raw = &narrow{Conn: raw, mtu: s.mtu}
	}
	defer raw.Close()
	if early && s.noEarly {
		s.say("425 Too early.")
		return true
	}
	time.Sleep(s.slow)
	if !s.late {
		s.say("150 Here it comes.")
	}
	if s.deafData {
		io.Copy(io.Discard, raw)
		io.Copy(io.Discard, s.conn)
		return false
	}
	conn := raw
	if s.private && !s.clearData {
		cfg := s.data
		if cfg == nil {
			cfg = s.tls
		}
		sec := tls.Server(raw, cfg)
		if sec.Handshake() != nil {
			s.say("425 No TLS.")
			return true
		}
		conn = sec
		resumed := sec.ConnectionState().DidResume
		if s.needReuse && !resumed {
			s.say("%s", cmp.Or(s.unresumed, "522 Session reuse required."))
			return true
		}
		if s.refuseReuse && resumed {
			s.say("425 I have seen you before.")
			return true
		}
	}
	if s.late {
		s.say("150 Here it comes.")
	}
	s.move(verb, conn)
	if !s.bare {
		conn.Close()
	}
	raw.Close()
	s.say("226 Done.")
	return true
}

func (s *fakeSession) move(verb string, conn net.Conn) {
	switch verb {
	case "LIST":
		for range max(s.lines, 1) {
			time.Sleep(s.pause)
			io.WriteString(conn, "-rw-r--r-- 1 ftp ftp 5 Jan  2 15:04 file\r\n"+strings.Repeat("x", s.width))
		}
		if sec, ok := conn.(*tls.Conn); ok && s.severed {
			raw := sec.NetConn()
			raw.Write([]byte{23, 3, 3, 0, 100, 1, 2, 3})
			raw.Close()
		}
	case "RETR":
		conn.Write(s.file)
	case "STOR":
		data, _ := io.ReadAll(conn)
		s.file = data[:len(data)-min(s.lose, len(data))]
	}
}

// narrow is a connection over a path that drops large packets. Nothing that follows a lost packet arrives, the end
// included.
type narrow struct {
	net.Conn
	mtu  int
	lost bool
}

func (n *narrow) Write(p []byte) (int, error) {
	if n.lost = n.lost || len(p) > n.mtu; n.lost {
		return len(p), nil
	}
	return n.Conn.Write(p)
}

func (n *narrow) Close() error {
	if n.lost {
		return nil
	}
	return n.Conn.Close()
}
