package server

import (
	"net"

	"github.com/sallyport/sallyport/internal/tcp"
)

// ackNow sends the acknowledgement that the kernel would delay. Where the server has
// nothing to say after a handshake, before the next command and during an upload, a
// client with Nagle's algorithm on (Python's ftplib) would wait 40 ms between its
// handshake and its first byte.
func ackNow(conn net.Conn) {
	t := tcp.Below(conn)
	if t == nil {
		return
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(quickAck)
}
