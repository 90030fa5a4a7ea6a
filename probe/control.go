package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// control is a control connection and what is known of its session.
type control struct {
	run   *run
	port  uint16
	raw   *tap
	conn  net.Conn // raw, or TLS over it
	lines *wire.LineReader

	implicit bool
	auth     string    // the argument of AUTH that was answered by 234; empty for implicit TLS
	tls      *tls.Conn // nil in clear
	private  bool      // PROT P is in force
	secret   string    // a text that replies may repeat and the trace must not show
	heard    bool      // the server has answered through TLS, so it has accepted the handshake
	trusted  bool      // the certificate has proved the server's name

	greeting  wire.Reply
	clearFeat []string // the features that FEAT listed in clear; nil for none
}

// connect opens a control connection and reads nothing.
func (r *run) connect(port uint16) (*control, error) {
	raw, err := r.dial(r.addr, port)
	if err != nil {
		return nil, err
	}
	c := &control{run: r, port: port, raw: raw, conn: raw, lines: wire.NewLineReader(raw, 0)}
	r.controls = append(r.controls, c)
	return c, nil
}

// errGone is a reply of 421, by which the server ends the session.
type errGone struct{ reply wire.Reply }

func (e *errGone) Error() string { return "the server said " + said(e.reply) }

// read reads a reply, which has to come as a whole within d. After a time-out it may be called again.
func (c *control) read(d time.Duration) (wire.Reply, error) {
	if err := c.raw.SetReadDeadline(time.Now().Add(d)); err != nil {
		return wire.Reply{}, err
	}
	reply, err := wire.ReadReply(c.lines)
	if err != nil {
		if gone := c.run.ctx.Err(); gone != nil {
			err = gone
		}
		return reply, c.raw.explain(err)
	}
	if c.secret != "" {
		for i, line := range reply.Lines {
			reply.Lines[i] = strings.ReplaceAll(line, c.secret, "****")
		}
		c.secret = ""
	}
	c.trace("S: ", said(reply))
	if reply.Code == 421 {
		return reply, &errGone{reply}
	}
	return reply, nil
}

// send writes a command.
func (c *control) send(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	if cmd, err := wire.ParseCommand([]byte(line)); err == nil {
		c.trace("C: ", cmd.Redacted())
	}
	if err := c.raw.SetWriteDeadline(time.Now().Add(c.run.Timeout)); err != nil {
		return err
	}
	_, err := c.conn.Write([]byte(line + "\r\n"))
	return err
}

// try sends a command and reads its reply.
func (c *control) try(format string, args ...any) (wire.Reply, error) {
	if err := c.send(format, args...); err != nil {
		return wire.Reply{}, err
	}
	return c.read(c.run.Timeout)
}

// cmd is try that makes a finding if the session is lost. ok is false then.
func (c *control) cmd(format string, args ...any) (wire.Reply, bool) {
	line := fmt.Sprintf(format, args...)
	reply, err := c.try("%s", line)
	if err != nil {
		verb, _, _ := strings.Cut(line, " ")
		c.lost(verb, err)
	}
	return reply, err == nil
}

// lost makes the finding that the session was lost after a command.
func (c *control) lost(after string, err error) {
	if c.run.ctx.Err() == nil {
		c.run.find(c.port, ControlLost, "after %s: %v", after, why(err))
	}
}

// why puts an error of crypto/tls or the system into words.
func why(err error) string {
	switch {
	case isTimeout(err):
		return "no answer in time"
	case isEOF(err):
		return "the connection was closed"
	}
	return err.Error()
}

// isTimeout reports whether an error means that nothing came in time.
func isTimeout(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// handshake starts TLS. It drops bytes in clear that were read before.
func (c *control) handshake(cfg *tls.Config) error {
	conn, err := c.run.handshake(c.raw, cfg, c.run.Timeout)
	if err != nil {
		return err
	}
	c.tls, c.conn = conn, conn
	c.lines.Reset(conn)
	return nil
}

// handshake does a handshake on any connection, within limit.
func (r *run) handshake(raw *tap, cfg *tls.Config, limit time.Duration) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	conn := tls.Client(raw, cfg)
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, raw.explain(err)
	}
	return conn, nil
}

func (c *control) trace(who, text string) {
	if c.run.Trace != nil {
		c.run.Trace(who + wire.Printable(text))
	}
}

// bye ends the session by QUIT, and waits for the reply only for a second.
func (c *control) bye() {
	if c.send("QUIT") == nil {
		_, _ = c.read(time.Second)
	}
	c.close()
}

// close closes the connection at once. It may be called several times.
func (c *control) close() {
	_ = c.raw.SetWriteDeadline(time.Now().Add(time.Second))
	_ = c.conn.Close()
	_ = c.raw.Close()
}

// open opens another session on the port of like, in the same way, up to TLS with cfg. If cfg is nil, it
// stays in clear.
func (r *run) open(like *control, cfg *tls.Config) (*control, error) {
	c, err := r.connect(like.port)
	if err != nil {
		return nil, err
	}
	c.implicit, c.auth = like.implicit, like.auth
	if err := c.start(cfg); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *control) start(cfg *tls.Config) (err error) {
	if c.implicit {
		if err := c.handshake(cfg); err != nil {
			return &noTLSError{err}
		}
	}
	if c.greeting, err = c.read(c.run.Timeout); err != nil {
		return err
	}
	if c.implicit || cfg == nil || c.auth == "" {
		return nil
	}
	reply, err := c.try("AUTH %s", c.auth)
	if err == nil && reply.Code != 234 && reply.Code != 334 {
		err = errors.New(said(reply))
	}
	if err != nil {
		return err
	}
	if err := c.handshake(cfg); err != nil {
		return &noTLSError{err}
	}
	return nil
}

// noTLSError is the failure of a handshake. It tells something about the server's TLS, unlike a failure
// before it.
type noTLSError struct{ err error }

func (e *noTLSError) Error() string { return e.err.Error() }
func (e *noTLSError) Unwrap() error { return e.err }
