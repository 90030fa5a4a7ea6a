// Package ftpclient is the FTPS client of this project's tests. Client sends commands, reads replies and checks their
// form; its methods return errors, so that any goroutine may call them. Dial, Get and Put do what curl does.
package ftpclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// Patience bounds every wait of a test. A test that passes never comes near it.
const Patience = time.Minute

// maxLine is how long a reply line may be, in bytes, for Python's ftplib to take it.
const maxLine = 8192

// Client is one session. It belongs to one goroutine.
type Client struct {
	Conn    net.Conn      // control connection: TCP, or TLS after StartTLS
	Lines   *bufio.Reader // reads Conn
	TLS     *tls.Config   // of the control connection and data connections; nil if there will be none
	Private bool          // data connections speak TLS
}

// New wraps a control connection and reads nothing. Data connections resume the session of the control connection if
// config has a ClientSessionCache.
func New(conn net.Conn, config *tls.Config) *Client {
	return &Client{Conn: conn, Lines: bufio.NewReader(conn), TLS: config}
}

// Dial connects, logs in, and asks for protected data connections and binary transfers. The configuration needs a
// ServerName.
func Dial(addr string, implicit bool, config *tls.Config, user, password string) (*Client, error) {
	conn, err := DialTCP(addr)
	if err != nil {
		return nil, err
	}
	c := New(conn, config)
	if err := c.begin(implicit, user, password); err != nil {
		c.Conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) begin(implicit bool, user, password string) error {
	if implicit {
		if err := c.StartTLS(); err != nil {
			return err
		}
	}
	if _, err := c.Expect(220); err != nil {
		return err
	}
	if !implicit {
		if err := c.AuthTLS(); err != nil {
			return err
		}
	}
	return c.Login(user, password)
}

// AuthTLS sends AUTH TLS and does the handshake.
func (c *Client) AuthTLS() error {
	if _, err := c.Cmd(234, "AUTH TLS"); err != nil {
		return err
	}
	return c.StartTLS()
}

// Login sends USER and PASS, and PBSZ, PROT P and TYPE I.
func (c *Client) Login(user, password string) error {
	for _, step := range []struct {
		code int
		line string
	}{{331, "USER " + user}, {230, "PASS " + password}, {200, "PBSZ 0"}, {200, "PROT P"}, {200, "TYPE I"}} {
		if _, err := c.Cmd(step.code, step.line); err != nil {
			return err
		}
	}
	c.Private = true
	return nil
}

// Reply is a reply as it came, in lines without CRLF.
type Reply struct {
	Code  int
	Lines []string
}

// String returns the reply as it came.
func (r Reply) String() string { return strings.Join(r.Lines, "\n") }

// Text returns the first line without its code.
func (r Reply) Text() string { return r.Lines[0][4:] }

// Send writes a line and reads nothing.
func (c *Client) Send(line string) error { return c.Write(line + "\r\n") }

// Write sends bytes as they are.
func (c *Client) Write(s string) error {
	c.Conn.SetDeadline(time.Now().Add(Patience))
	_, err := io.WriteString(c.Conn, s)
	return err
}

// ReadLine reads one line of a reply, which must end in CRLF and be short enough for Python.
func (c *Client) ReadLine() (string, error) {
	c.Conn.SetDeadline(time.Now().Add(Patience))
	line, err := c.Lines.ReadString('\n')
	if err != nil {
		return line, err
	}
	s, ok := strings.CutSuffix(line, "\r\n")
	switch {
	case !ok:
		return line, fmt.Errorf("a reply line does not end in CRLF: %q", line)
	case len(line) > maxLine:
		return line, fmt.Errorf("a reply line of %d bytes", len(line))
	}
	return s, nil
}

// ReadReply reads one reply by RFC 959, section 4.2.
func (c *Client) ReadReply() (Reply, error) {
	line, err := c.ReadLine()
	if err != nil {
		return Reply{}, err
	}
	r := Reply{Lines: []string{line}}
	if _, err := fmt.Sscanf(line, "%3d", &r.Code); err != nil || len(line) < 4 || line[3] != ' ' && line[3] != '-' {
		return r, fmt.Errorf("not a reply: %q", line)
	}
	for end := line[:3] + " "; !strings.HasPrefix(line, end); {
		if line, err = c.ReadLine(); err != nil {
			return r, err
		}
		r.Lines = append(r.Lines, line)
	}
	return r, nil
}

// Expect reads a reply that must have one of the codes.
func (c *Client) Expect(codes ...int) (Reply, error) {
	r, err := c.ReadReply()
	if err == nil && !slices.Contains(codes, r.Code) {
		err = fmt.Errorf("want %v, got %s", codes, r)
	}
	return r, err
}

// Cmd sends a command and reads a reply, which must have that code.
func (c *Client) Cmd(code int, line string) (Reply, error) {
	err := c.Send(line)
	if err != nil {
		return Reply{}, fmt.Errorf("%s: %w", line, err)
	}
	r, err := c.Expect(code)
	if err != nil {
		return r, fmt.Errorf("%s: %w", line, err)
	}
	return r, nil
}

// StartTLS does the handshake on the control connection.
func (c *Client) StartTLS() error {
	if n := c.Lines.Buffered(); n > 0 {
		return fmt.Errorf("the server said %d bytes more before the handshake", n)
	}
	conn, err := c.handshake(c.Conn)
	if err != nil {
		return err
	}
	c.Conn = conn
	c.Lines.Reset(conn)
	return nil
}

func (c *Client) handshake(conn net.Conn) (*tls.Conn, error) {
	conn.SetDeadline(time.Now().Add(Patience))
	sec := tls.Client(conn, c.TLS)
	return sec, sec.HandshakeContext(context.Background())
}

// StopTLS ends TLS on the control connection and sends text in clear in the same packet as close_notify.
func (c *Client) StopTLS(text string) error {
	sec := c.Conn.(*tls.Conn)
	raw := sec.NetConn().(*TCPConn)
	raw.held = new([]byte)
	err := sec.CloseWrite()
	packet := append(*raw.held, text...)
	raw.held = nil
	raw.SetDeadline(time.Now().Add(Patience)) // CloseWrite has set a deadline that lets nobody write
	if _, writing := raw.Write(packet); err != nil || writing != nil {
		return errors.Join(err, writing)
	}
	if err := skipAlert(raw); err != nil {
		return err
	}
	c.Conn = raw
	c.Lines.Reset(raw)
	return nil
}

// skipAlert reads the server's close_notify and nothing behind it: crypto/tls would read on into what comes in clear.
func skipAlert(conn net.Conn) error {
	header := make([]byte, 5)
	if _, err := io.ReadFull(conn, header); err != nil {
		return err
	}
	if header[0] != 21 && header[0] != 23 {
		return fmt.Errorf("no alert: %q", header)
	}
	_, err := io.ReadFull(conn, make([]byte, int(header[3])<<8+int(header[4])))
	return err
}

// Close says goodbye and hangs up.
func (c *Client) Close() error {
	_, err := c.Cmd(221, "QUIT")
	c.Conn.Close()
	return err
}

// PASV sends PASV and returns the address to dial.
func (c *Client) PASV() (string, error) {
	r, err := c.Cmd(227, "PASV")
	if err != nil {
		return "", err
	}
	at, err := wire.ParsePasvReply(r.Text())
	return at.String(), err
}

// EPSV sends EPSV and returns the address to dial.
func (c *Client) EPSV() (string, error) {
	r, err := c.Cmd(229, "EPSV")
	if err != nil {
		return "", err
	}
	port, err := wire.ParseEPSVReply(r.Text())
	if err != nil {
		return "", err
	}
	host, _, err := net.SplitHostPort(c.Conn.RemoteAddr().String())
	return net.JoinHostPort(host, fmt.Sprint(port)), err
}
