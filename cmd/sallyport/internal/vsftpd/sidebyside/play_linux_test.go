package sidebyside

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/wire"
)

// Ways of a session to reach the server.
const (
	inClear  = "clear"
	overTLS  = "tls"
	implicit = "implicit"
)

// Login is somebody who logs in.
type Login struct{ Name, Password string }

var (
	alice     = Login{"alice", "secret"}
	anonymous = Login{"anonymous", "me@example.com"}
)

// hungUp stands for a reply where the server has closed the connection.
const hungUp = "(hung up)"

// errOver ends a session.
var errOver = errors.New("the session is over")

// player plays scripts. Each session comes from another address, so that no session pays for logins that failed in
// another, and no limit for each address is met unless the script means to.
type player struct {
	server   string
	sessions int
}

// session is a script being played.
type session struct {
	*ftpclient.Client
	player *player
	from   net.IP
	login  Login
	active bool
	others []net.Conn
	steps  []Step
}

// play plays a script and returns what came of its lines, as far as the session went.
func (p *player) play(s Script, how string, login Login) []Step {
	p.sessions++
	c := &session{player: p, login: login, from: net.IPv4(127, 1, byte(p.sessions>>8), byte(p.sessions))}
	defer c.end()
	if c.begin(how) != nil {
		return c.steps
	}
	for _, line := range s.Lines {
		if c.step(line) != nil {
			break
		}
	}
	return c.steps
}

// end hangs up, once the server has done what it does at the end.
func (c *session) end() {
	for _, conn := range c.others {
		conn.Close()
	}
	if c.Client != nil {
		c.Send("QUIT")
		c.Conn.SetDeadline(time.Now().Add(5 * time.Second))
		io.Copy(io.Discard, c.Lines)
		c.Conn.Close()
	}
}

func (c *session) dial(addr string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: c.from}, Timeout: ftpclient.Patience}
	return d.Dial("tcp", addr)
}

// endsWithin is how long the sessions of the script before may take to end: until then a server of few clients is full.
const endsWithin = 10 * time.Second

// begin connects and reads the greeting.
func (c *session) begin(how string) error {
	for until := time.Now().Add(endsWithin); ; time.Sleep(20 * time.Millisecond) {
		c.steps = nil
		err := c.connect(how)
		if first := c.steps[0].Replies; len(first) == 0 || !strings.HasPrefix(first[0], "421") || time.Now().After(until) {
			return err
		}
		c.Conn.Close()
	}
}

func (c *session) connect(how string) error {
	c.steps = append(c.steps, Step{Line: "(connect)"})
	conn, err := c.dial(c.player.server)
	if err != nil {
		return c.heard("(no connection)")
	}
	c.Client = ftpclient.New(conn, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(0)})
	if how == implicit {
		if err := c.StartTLS(); err != nil {
			return c.heard("(no TLS)")
		}
	}
	if _, err := c.reply(); err != nil || how != overTLS {
		return err
	}
	if code, err := c.command("AUTH TLS"); err != nil || code != 234 {
		return err
	}
	if err := c.StartTLS(); err != nil {
		return c.heard("(no TLS)")
	}
	return nil
}

// heard adds a reply to the step, and ends the session if it is none of the server.
func (c *session) heard(reply string) error {
	at := &c.steps[len(c.steps)-1]
	at.Replies = append(at.Replies, reply)
	if strings.HasPrefix(reply, "(") {
		return errOver
	}
	return nil
}

// reply reads a reply.
func (c *session) reply() (code int, err error) {
	r, err := c.ReadReply()
	if err != nil {
		return 0, c.heard(hungUp)
	}
	return r.Code, c.heard(r.String())
}

// command sends a command as a step of its own, and reads its reply.
func (c *session) command(line string) (code int, err error) {
	c.steps = append(c.steps, Step{Line: line})
	if c.Send(line) != nil {
		return 0, c.heard(hungUp)
	}
	return c.reply()
}

// step plays a line.
func (c *session) step(line string) error {
	directive, rest, _ := strings.Cut(line, " ")
	verb := strings.ToUpper(directive)
	switch directive {
	case "@login":
		return c.logIn()
	case "@active":
		c.active = true
		return nil
	case "@connect":
		return c.another()
	case "@abort":
		return c.abort(rest)
	case "@raw":
		_, err := c.command(rest)
		return err
	}
	switch verb {
	case "RETR", "LIST", "NLST", "MLSD", "STOR", "APPE", "STOU":
		return c.transfer(line, verb)
	}
	code, err := c.command(line)
	if err == nil && code == 200 && verb == "PROT" {
		c.Private = rest == "P"
	}
	return err
}

func (c *session) logIn() error {
	if code, err := c.command("USER " + c.login.Name); err != nil || code/100 != 3 && code != 230 {
		return errOver
	} else if code != 230 {
		if code, err := c.command("PASS " + c.login.Password); err != nil || code != 230 {
			return errOver
		}
	}
	if _, secure := c.Conn.(*tls.Conn); secure {
		if err := c.step("PBSZ 0"); err != nil {
			return err
		}
		return c.step("PROT P")
	}
	return nil
}

// another opens one more session.
func (c *session) another() error {
	c.steps = append(c.steps, Step{Line: "@connect"})
	conn, err := c.dial(c.player.server)
	if err != nil {
		return c.heard("(no connection)")
	}
	c.others = append(c.others, conn)
	r, err := ftpclient.New(conn, nil).ReadReply()
	if err != nil {
		c.heard(hungUp) // as far as that session goes
		return nil
	}
	return c.heard(r.String())
}

// connection prepares a data connection. Only if the server refuses is that a step of its own.
func (c *session) connection() (open func() (net.Conn, error), give func(), err error) {
	if c.active {
		ln, err := net.Listen("tcp", c.from.String()+":0")
		if err != nil {
			return nil, nil, err
		}
		port := ln.Addr().(*net.TCPAddr).Port
		_, err = c.command(fmt.Sprintf("PORT %s,%d,%d", strings.ReplaceAll(c.from.String(), ".", ","), port>>8, port&255))
		return func() (net.Conn, error) {
			ln.(*net.TCPListener).SetDeadline(time.Now().Add(ftpclient.Patience))
			return ln.Accept()
		}, func() { ln.Close() }, err
	}
	code, err := c.command("PASV")
	none := func() (net.Conn, error) { return nil, errors.New("the server has announced no port") }
	if err != nil || code != 227 {
		return none, func() {}, err
	}
	replies := c.steps[len(c.steps)-1].Replies
	c.steps = c.steps[:len(c.steps)-1]
	at, err := wire.ParsePasvReply(replies[0])
	if err != nil {
		return none, func() {}, nil
	}
	host, _, _ := net.SplitHostPort(c.player.server)
	conn, err := c.dial(net.JoinHostPort(host, fmt.Sprint(at.Port())))
	if err != nil {
		return none, func() {}, nil
	}
	return func() (net.Conn, error) { return conn, nil }, func() { conn.Close() }, nil
}

// uploaded is what uploads hold.
const uploaded = "uploaded\r\nby a test\n"

// transfer runs a command with a data connection.
func (c *session) transfer(line, verb string) error {
	open, give, err := c.connection()
	if err != nil {
		return err
	}
	defer give()
	code, err := c.command(line)
	if err != nil || code/100 != 1 {
		return err
	}
	data, err := open()
	if err != nil {
		return c.heard("(no data connection)")
	}
	defer data.Close()
	data.SetDeadline(time.Now().Add(ftpclient.Patience))
	at := &c.steps[len(c.steps)-1]
	if c.Private {
		secure, err := c.DataTLS(data)
		if err != nil {
			at.Data = "(no TLS)"
			data.Close()
			_, err := c.reply()
			return err
		}
		data = secure
	}
	switch verb {
	case "STOR", "APPE", "STOU":
		io.WriteString(data, uploaded)
	default:
		text, err := ftpclient.ReadAll(data)
		at.Data = text
		if err != nil {
			at.Data += "(" + err.Error() + ")"
		}
	}
	data.Close()
	_, err = c.reply()
	return err
}

// abort ends a download.
func (c *session) abort(line string) error {
	open, give, err := c.connection()
	if err != nil {
		return err
	}
	defer give()
	code, err := c.command(line)
	if err != nil || code/100 != 1 {
		return err
	}
	data, err := open()
	if err != nil {
		return c.heard("(no data connection)")
	}
	if c.Private {
		if _, err := c.DataTLS(data); err != nil {
			return c.heard("(no TLS)")
		}
	}
	c.steps = append(c.steps, Step{Line: "ABOR"})
	c.Send("ABOR")
	data.Close()
	if _, err := c.reply(); err != nil {
		return err
	}
	_, err = c.reply()
	return err
}
