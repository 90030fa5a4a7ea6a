// Package ftpclient is a small FTPS client for this module's own tests: it
// does what curl does, with Go's TLS, and nothing more.
package ftpclient

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// timeout bounds a whole session, so that a test fails and does not hang.
const timeout = 30 * time.Second

// Client is one logged-in session with protected data connections.
type Client struct {
	conn  net.Conn
	lines *wire.LineReader
	tls   *tls.Config
}

// Dial connects and logs in. The configuration needs a ServerName; one with a
// ClientSessionCache resumes on data connections.
func Dial(addr string, implicit bool, config *tls.Config, user, password string) (*Client, error) {
	raw, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	raw.SetDeadline(time.Now().Add(timeout))
	c := &Client{tls: config}
	if implicit {
		c.use(tls.Client(raw, config))
	} else {
		c.use(raw)
	}
	if err := c.login(implicit, user, password); err != nil {
		c.conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) use(conn net.Conn) {
	c.conn, c.lines = conn, wire.NewLineReader(conn, 0)
}

func (c *Client) login(implicit bool, user, password string) error {
	if _, err := c.reply(220); err != nil {
		return err
	}
	if !implicit {
		if _, err := c.Cmd(234, "AUTH TLS"); err != nil {
			return err
		}
		c.use(tls.Client(c.conn, c.tls))
	}
	for _, step := range []struct {
		code int
		line string
	}{{331, "USER " + user}, {230, "PASS " + password}, {200, "PBSZ 0"}, {200, "PROT P"}, {200, "TYPE I"}} {
		if _, err := c.Cmd(step.code, step.line); err != nil {
			return err
		}
	}
	return nil
}

// Cmd sends a command and wants a code. It returns the text of the reply's
// first line.
func (c *Client) Cmd(code int, line string) (string, error) {
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		return "", err
	}
	text, err := c.reply(code)
	if err != nil {
		verb, _, _ := strings.Cut(line, " ")
		return "", fmt.Errorf("%s: %w", verb, err)
	}
	return text, nil
}

func (c *Client) reply(code int) (string, error) {
	r, err := wire.ReadReply(c.lines)
	if err != nil {
		return "", err
	}
	if r.Code != code {
		return "", fmt.Errorf("want %d, got %d %s", code, r.Code, strings.Join(r.Lines, "\n"))
	}
	return r.Lines[0], nil
}

// Open sends EPSV and a transfer command and returns the data connection after
// the 150. The caller closes it and then calls Done.
func (c *Client) Open(line string) (net.Conn, error) {
	text, err := c.Cmd(229, "EPSV")
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(strings.Trim(text[strings.Index(text, "(")+1:], "(|)"))
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(c.conn.RemoteAddr().String())
	if err != nil {
		return nil, err
	}
	raw, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(port)), timeout)
	if err != nil {
		return nil, err
	}
	raw.SetDeadline(time.Now().Add(timeout))
	if _, err := c.Cmd(150, line); err != nil {
		raw.Close()
		return nil, err
	}
	data := tls.Client(&tcpConn{Conn: raw}, c.tls)
	if err := data.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	return data, nil
}

// Truncated reports that a data connection from Open, read to its end, ended
// without close_notify, which crypto/tls doesn't tell.
func Truncated(data net.Conn) bool { return data.(*tls.Conn).NetConn().(*tcpConn).fin }

// tcpConn remembers that FIN was seen: crypto/tls doesn't read on after
// close_notify.
type tcpConn struct {
	net.Conn
	fin bool
}

func (c *tcpConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.fin = c.fin || err == io.EOF
	return n, err
}

// Done wants the reply that ends a transfer.
func (c *Client) Done() error {
	_, err := c.reply(226)
	return err
}

// Get runs RETR, LIST, NLST or MLSD and returns what the server sent.
func (c *Client) Get(line string) (string, error) {
	data, err := c.Open(line)
	if err != nil {
		return "", err
	}
	defer data.Close()
	content, err := io.ReadAll(data)
	if err != nil {
		return "", err
	}
	data.Close()
	return string(content), c.Done()
}

// Put runs STOR or APPE.
func (c *Client) Put(line, content string) error {
	data, err := c.Open(line)
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := io.WriteString(data, content); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	return c.Done()
}

// Close says goodbye and hangs up.
func (c *Client) Close() error {
	_, err := c.Cmd(221, "QUIT")
	c.conn.Close()
	return err
}
