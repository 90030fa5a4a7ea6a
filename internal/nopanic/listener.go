package nopanic

import (
	"errors"
	"net"
	"time"

	"github.com/sallyport/sallyport/internal/tcp"
)

// Listener returns a listener whose methods don't panic, nor do those of its connections. A TCP listener of package net
// is returned as it is.
func Listener(ln net.Listener) net.Listener {
	if _, ok := ln.(*net.TCPListener); ok {
		return ln
	}
	return &listener{ln}
}

type listener struct{ net.Listener }

func (l *listener) Accept() (net.Conn, error) {
	c, err := Call("Accept", l.Listener.Accept)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return nil, errors.New("Accept returned neither a connection nor an error")
	}
	return Conn(c)
}

func (l *listener) Close() (err error) {
	defer recovered("Close", &err)
	return l.Listener.Close()
}

// Addr returns nil if the address is not to be had.
func (l *listener) Addr() net.Addr {
	at, _ := Call("Addr", func() (net.Addr, error) { return l.Listener.Addr(), nil })
	return at
}

// conn is a connection whose methods don't panic. Its addresses and the TCP connection below are asked for once, by
// Conn.
type conn struct {
	net.Conn
	local, remote, dialled net.Addr
	below                  *net.TCPConn
}

// Conn returns a connection whose methods don't panic: a connection of package net as it is, another one wrapped. It
// closes one that does not tell its addresses.
func Conn(c net.Conn) (net.Conn, error) {
	if _, ok := c.(*net.TCPConn); ok {
		return c, nil
	}
	g := &conn{Conn: c}
	err := Do("a method for an address", func() error {
		g.local, g.remote, g.dialled, g.below = c.LocalAddr(), c.RemoteAddr(), dialled(c), tcp.Below(c)
		return nil
	})
	if err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// dialled returns what the client dialled at the proxy in front, else nil.
func dialled(c net.Conn) net.Addr {
	for {
		switch below := c.(type) {
		case interface{ DialledAddr() net.Addr }:
			return below.DialledAddr()
		case interface{ NetConn() net.Conn }:
			c = below.NetConn()
		default:
			return nil
		}
	}
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// DialledAddr returns what the client dialled: LocalAddr unless there is a proxy in front.
func (c *conn) DialledAddr() net.Addr {
	if c.dialled == nil {
		return c.local
	}
	return c.dialled
}

// NetConn returns the TCP connection below, nil for none.
func (c *conn) NetConn() net.Conn {
	if c.below == nil {
		return nil
	}
	return c.below
}

// SetLinger sets the lingering of the TCP connection below, if there is one.
func (c *conn) SetLinger(sec int) error {
	if c.below == nil {
		return nil
	}
	return c.below.SetLinger(sec)
}

func (c *conn) Read(p []byte) (n int, err error) {
	defer recovered("Read", &err)
	return c.Conn.Read(p)
}

func (c *conn) Write(p []byte) (n int, err error) {
	defer recovered("Write", &err)
	return c.Conn.Write(p)
}

func (c *conn) Close() (err error) {
	defer recovered("Close", &err)
	return c.Conn.Close()
}

func (c *conn) SetDeadline(t time.Time) (err error) {
	defer recovered("SetDeadline", &err)
	return c.Conn.SetDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) (err error) {
	defer recovered("SetReadDeadline", &err)
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) (err error) {
	defer recovered("SetWriteDeadline", &err)
	return c.Conn.SetWriteDeadline(t)
}
