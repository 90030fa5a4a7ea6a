package server

import (
	"net"

	"golang.org/x/sys/unix"
)

// hungUp reports whether the other end of a TCP connection has ended the
// connection, also when there is more to read before that end.
func hungUp(conn net.Conn) (gone bool) {
	raw := plainTCP(conn)
	if raw == nil {
		return false
	}
	raw.Control(func(fd uintptr) { gone = hungUpFD(fd) })
	return gone
}

func hungUpFD(fd uintptr) bool {
	happened, err := pollNow(fd, unix.POLLRDHUP)
	return err == nil && happened != 0
}

// awaitHangUp waits until the other end ends the connection, or until the deadline
// for reading. It reads nothing, and reports whether the other end has ended the
// connection.
func awaitHangUp(conn net.Conn) (gone bool) {
	raw := plainTCP(conn)
	if raw == nil {
		return false
	}
	raw.Read(func(fd uintptr) bool {
		gone = hungUpFD(fd)
		return gone
	})
	return gone
}
