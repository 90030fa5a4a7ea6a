// Package tcp opens listeners as FTP needs them, and finds the TCP connection below others.
package tcp

import (
	"context"
	"net"
)

// Listen is net.Listen without what its connections pay for and get nothing from: MPTCP, which Go listens with by
// default and FTP clients don't speak, makes each socket slower, and keep-alive takes four system calls. Control
// connections get their own keep-alive later, and data connections have deadlines.
func Listen(ctx context.Context, network, address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	return lc.Listen(ctx, network, address)
}

// Below returns the TCP connection that conn is or stands on, nil for none.
func Below(conn net.Conn) *net.TCPConn {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
