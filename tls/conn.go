package tls

import "net"

// Conn is the server's side of a protected connection, as a program meets it that
// intercepts data connections. A connection is one if a type assertion to Conn holds:
//
//	sec, protected := conn.(tls.Conn)
//
// On a data connection Write gathers up to 512 KiB before it sends; Flush, CloseWrite and
// Close send what it has gathered. One goroutine at a time reads and one writes; Close, the
// deadlines and the other methods may be called from any.
type Conn interface {
	net.Conn

	// ConnectionState describes the connection. It waits for a handshake that is
	// going on.
	ConnectionState() ConnectionState

	// Resumed reports whether the client has proved whose the data connection is, by
	// resuming a ticket of its session or, unless the policy is Require, of another
	// session of the same owner.
	Resumed() bool

	// Truncated reports whether Read returned io.EOF without the client's close_notify:
	// nobody vouches that the last byte was the last (RFC 8446, section 6.1).
	Truncated() bool

	// Flush sends what Write has gathered, if anything. Call it before waiting for an
	// answer of the client, or for anything else that may take long. An error means that
	// written data was lost.
	Flush() error

	// CloseWrite sends what Write has gathered and close_notify, and shuts the
	// connection for writing; the client can still send.
	CloseWrite() error

	// NetConn returns the connection below. What is read from it or written to it is
	// missing from the TLS stream; closing it cuts the connection without close_notify.
	NetConn() net.Conn
}
