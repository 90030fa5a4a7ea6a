package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/sallyport/sallyport/internal/wire"
)

// get runs a command that has the server send data, RETR or a listing, and
// returns when the server has confirmed its end. An error of to ends the
// transfer.
func (c *client) get(line string, to io.Writer) error {
	data, err := c.open(line)
	if err != nil {
		return err
	}
	if c.block == nil {
		c.block = make([]byte, c.dialer.buffer)
	}
	// Hides other methods than Read and Write: no shortcut may pass the buffer
	// by.
	_, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{data}, c.block)
	return c.finish(data, err)
}

// put runs STOR with the data that from writes.
func (c *client) put(line string, from io.WriterTo) error {
	data, err := c.open(line)
	if err != nil {
		return err
	}
	data.wire.gather = true
	_, err = from.WriteTo(data)
	if err == nil {
		err = data.end(c.dialer.bare)
	}
	return c.finish(data, err)
}

// finish closes the data connection and reads the final reply, also if err has
// ended the transfer.
func (c *client) finish(data *dataConn, err error) error {
	data.Close() // with TLS, sends close_notify first
	data.stop()
	_, replied := c.reply(2, "transfer")
	if err != nil && replied != nil {
		return fmt.Errorf("%w; %w", err, replied)
	}
	return cmp.Or(err, replied)
}

// dataConn is a data connection, either TLS or TCP.
type dataConn struct {
	net.Conn
	wire *gatherConn
	stop func() bool
}

// end tells the server that an upload is complete. With TLS it then reads until
// the server ends the connection, as clients with OpenSSL do: there may be a
// ticket on its way for the next data connection. It ignores how that ends,
// since the reply tells whether all has arrived. If bare is set, it only ends
// the TCP connection.
func (d *dataConn) end(bare bool) error {
	if err := d.wire.finish(); err != nil {
		return err
	}
	conn, ok := d.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	if bare {
		return d.wire.Close()
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, conn)
	return nil
}

// open asks for a data port, connects to it, sends the command and does the
// handshake once the server has sent 150. That is the order of lftp and curl.
func (c *client) open(line string) (*dataConn, error) {
	deadline := c.arm()
	addr, err := c.passive()
	if err != nil {
		return nil, err
	}
	if c.announced != nil {
		c.announced(addr)
	}
	raw, err := c.dialer.dial(c.ctx, addr, deadline)
	if err != nil {
		return nil, err
	}
	_ = raw.SetDeadline(deadline)
	d := &dataConn{wire: c.gathering(raw)}
	d.Conn = d.wire
	d.stop = context.AfterFunc(c.ctx, func() { raw.Close() })
	if _, err := c.ask(1, line); err != nil {
		d.stop()
		raw.Close()
		return nil, err
	}
	if c.tls == nil {
		return d, nil
	}
	conn := tls.Client(d.wire, c.tls)
	d.Conn = conn
	if err := conn.HandshakeContext(c.ctx); err != nil {
		return nil, c.finish(d, fmt.Errorf("data handshake: %w", err))
	}
	c.data++
	if conn.ConnectionState().DidResume {
		c.resumed++
	}
	return d, nil
}

// gathering wraps a data connection, with the buffers of the session, which has
// one data connection at a time.
func (c *client) gathering(conn net.Conn) *gatherConn {
	if c.in == nil {
		c.in, c.out = make([]byte, c.dialer.buffer), make([]byte, 0, c.dialer.buffer)
	}
	return &gatherConn{Conn: conn, in: c.in, out: c.out[:0]}
}

// passive asks for a data port and returns its address. It keeps the deadline
// that is set.
func (c *client) passive() (addr string, err error) {
	var port uint16
	if c.dialer.pasv {
		r, err := c.ask(2, "PASV")
		if err != nil {
			return "", err
		}
		ap, err := wire.ParsePasvReply(r.Lines[0])
		if err != nil {
			return "", err
		}
		port = ap.Port()
	} else {
		r, err := c.ask(2, "EPSV")
		if err != nil {
			return "", err
		}
		if port, err = wire.ParseEPSVReply(r.Lines[0]); err != nil {
			return "", err
		}
	}
	if c.dialer.ports != nil && !c.dialer.ports[port] {
		return "", fmt.Errorf("port %d was announced, which is not in the set", port)
	}
	host, _, err := net.SplitHostPort(c.dialer.addr)
	return net.JoinHostPort(host, strconv.Itoa(int(port))), err
}
