//go:build !linux || race || 386 || s390x

package rawio

import "net"

// On returns conn. What this package does helps on Linux only, and hides from the
// race detector that what was sent comes before what was received.
func On(conn net.Conn) net.Conn { return conn }

// TCP returns conn if it is a TCP connection, else nil.
func TCP(conn net.Conn) *net.TCPConn {
	t, _ := conn.(*net.TCPConn)
	return t
}
