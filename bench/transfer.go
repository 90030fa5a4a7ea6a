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

// get runs a command that sends data here, RETR or a listing, and returns when
// the server has confirmed the end of it. An error of to ends the transfer.
func (c *client) get(line string, to io.Writer) error {
	data, err := c.open(line)
	if err != nil {
		return err
	}
	if c.block == nil {
		c.block = make([]byte, c.dialer.buffer)
	}
	// Only Read and Write: no shortcut past the buffer.
	_, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{data}, c.block)
	return c.finish(data, err)
}

// put runs STOR with what from writes.
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

// finish closes the data connection and reads the reply that every transfer
// command gets in the end, also when err is why it failed.
func (c *client) finish(data *dataConn, err error) error {
	data.Close() // close_notify first, with TLS
	data.stop()
	_, replied := c.reply(2, "transfer")
	if err != nil && replied != nil {
		return fmt.Errorf("%w; %w", err, replied)
	}
	return cmp.Or(err, replied)
}

// dataConn is a data connection as its bytes are spoken, TLS or TCP.
type dataConn struct {
	net.Conn
	wire *gatherConn
	stop func() bool
}

// end tells the server that an upload is complete. With TLS it then reads up to
// the server's end, as clients with OpenSSL do: there is a ticket on the way
// for the next data connection. How that ends matters little, because the
// reply says whether all has arrived. A bare end is that of TCP alone.
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

// open asks for a data port, connects to it, sends the command and, once the
// server has said 150, does the handshake. That is the order of lftp and curl.
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

// gathering wraps a data connection with the session's buffers. There is one at
// a time.
func (c *client) gathering(conn net.Conn) *gatherConn {
	if c.in == nil {
		c.in, c.out = make([]byte, c.dialer.buffer), make([]byte, 0, c.dialer.buffer)
	}
	return &gatherConn{Conn: conn, in: c.in, out: c.out[:0]}
}

// passive asks for a data port and returns its address, within the deadline
// that stands.
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
