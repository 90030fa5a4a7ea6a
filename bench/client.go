package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
)

// A dialer opens sessions on one server. All sessions use TLS 1.3 with Go's
// preferred key exchanges and cipher suites, X25519MLKEM768 first if the server
// has it. A dialer may be copied to change a field.
type dialer struct {
	addr, user, password string

	// roots are the authorities for the server's certificate.
	roots *x509.CertPool

	// ports is the set of data ports; nil allows any. A port outside it is not
	// dialled, since no firewall would allow that.
	ports map[uint16]bool

	// clear does without TLS, and pasv asks for ports by PASV instead of EPSV.
	clear, pasv bool

	// bare ends uploads over TLS without close_notify, as some clients do: only
	// the end of the connection then tells that the file is complete.
	bare bool

	// from is the local address to dial from, such as "127.0.0.7". Empty lets
	// the system choose, which is 127.0.0.1.
	from string

	// timeout bounds a login, a command, or a transfer from EPSV to 226.
	timeout time.Duration

	// buffer is how many bytes a data connection moves in one system call.
	buffer int
}

// dialer returns a dialer for the server that is measured.
func (l *load) dialer() (*dialer, error) {
	pem, err := os.ReadFile(l.cert)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", l.cert)
	}
	set, err := passive.Range(l.ports)
	if err != nil {
		return nil, err
	}
	var ports map[uint16]bool
	for port := range set.Numbers() {
		if ports == nil {
			ports = make(map[uint16]bool, set.Len())
		}
		ports[port] = true
	}
	return &dialer{
		addr: l.addr, user: l.user, password: l.password,
		roots: roots, ports: ports, timeout: 20 * time.Second, buffer: 16 << 10,
	}, nil
}

// client is a session. It is for one goroutine at a time.
type client struct {
	dialer *dialer
	ctx    context.Context
	conn   net.Conn
	lines  *wire.LineReader
	tls    *tls.Config // for data connections; nil in clear
	stop   func() bool // ends the watch over ctx

	// lost is set if the connection has ended, or if it is unknown which
	// command the next reply answers: only a new login helps.
	lost bool

	// announced, if not nil, is called with each data address before it is
	// dialled.
	announced func(addr string)

	// data counts the data connections with TLS, and resumed those of them that
	// have resumed a session.
	data, resumed int

	in, out, block []byte // buffers of data connections, kept for the next one
}

// login opens a session that is ready for transfers. It ends with close or with
// ctx.
func (d *dialer) login(ctx context.Context) (*client, error) {
	c, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	err = c.enter()
	for _, line := range []string{"PBSZ 0", "PROT P", "TYPE I"} {
		if d.clear && line != "TYPE I" || err != nil {
			continue
		}
		_, err = c.cmd(2, line)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// connect connects, reads the greeting and starts TLS.
func (d *dialer) connect(ctx context.Context) (*client, error) {
	conn, err := d.dial(ctx, d.addr, time.Now().Add(d.timeout))
	if err != nil {
		return nil, err
	}
	c := &client{dialer: d, ctx: ctx, conn: conn, lines: wire.NewLineReader(conn, 0)}
	c.stop = context.AfterFunc(ctx, func() { conn.Close() })
	c.arm()
	_, err = c.reply(2, "greeting")
	if err == nil && !d.clear {
		err = c.secure()
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// secure sends AUTH TLS and does the handshake.
func (c *client) secure() error {
	if _, err := c.cmd(2, "AUTH TLS"); err != nil {
		return err
	}
	c.tls = &tls.Config{
		RootCAs: c.dialer.roots, ServerName: "localhost",
		MinVersion: tls.VersionTLS13, ClientSessionCache: new(ticket),
	}
	conn := tls.Client(c.conn, c.tls)
	c.conn = conn
	c.lines.Reset(conn)
	if err := conn.HandshakeContext(c.ctx); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	return nil
}

// enter logs in by USER and PASS.
func (c *client) enter() error {
	r, err := c.cmd(0, "USER "+c.dialer.user)
	if err == nil && r.Code == 331 {
		r, err = c.cmd(2, "PASS "+c.dialer.password)
	}
	if err == nil && r.Code/100 != 2 {
		err = &refusal{"USER", r}
	}
	return err
}

// quit sends QUIT, waits for the reply and closes the connection.
func (c *client) quit() error {
	defer c.close()
	_, err := c.cmd(2, "QUIT")
	return err
}

// close closes the connection.
func (c *client) close() {
	c.stop()
	c.conn.Close()
}

// cmd sends a command and expects a reply of a class: 2 for 2yz, 0 for any.
func (c *client) cmd(class int, line string) (wire.Reply, error) {
	c.arm()
	return c.ask(class, line)
}

// arm sets the deadline for what begins now, and returns it.
func (c *client) arm() time.Time {
	deadline := time.Now().Add(c.dialer.timeout)
	_ = c.conn.SetDeadline(deadline)
	return deadline
}

// ask sends a command as cmd does, but keeps the deadline that is set.
func (c *client) ask(class int, line string) (wire.Reply, error) {
	verb, _, _ := strings.Cut(line, " ")
	if _, err := io.WriteString(c.conn, line+"\r\n"); err != nil {
		c.lost = true
		return wire.Reply{}, fmt.Errorf("%s: %w", verb, err)
	}
	return c.reply(class, verb)
}

func (c *client) reply(class int, verb string) (wire.Reply, error) {
	r, err := wire.ReadReply(c.lines)
	if err != nil {
		c.lost = true
		return r, fmt.Errorf("%s: %w", verb, err)
	}
	if r.Code == 421 {
		c.lost = true
	}
	if class != 0 && r.Code/100 != class {
		return r, &refusal{verb, r}
	}
	return r, nil
}

// refusal is the error for a reply of another class than was expected.
type refusal struct {
	verb  string
	reply wire.Reply
}

func (e *refusal) Error() string {
	return fmt.Sprintf("%s: %d %s", e.verb, e.reply.Code, strings.Join(e.reply.Lines, " / "))
}

// refused reports whether err is a reply of the server, rather than a failure
// to get one.
func refused(err error) bool {
	_, ok := errors.AsType[*refusal](err)
	return ok
}

// dial opens a TCP connection, bounded by ctx and the deadline.
func (d *dialer) dial(ctx context.Context, addr string, deadline time.Time) (net.Conn, error) {
	nd := net.Dialer{Deadline: deadline}
	if d.from != "" {
		nd.LocalAddr = &net.TCPAddr{IP: net.ParseIP(d.from)}
	}
	return nd.DialContext(ctx, "tcp", addr)
}
