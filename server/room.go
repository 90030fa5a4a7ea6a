package server

import (
	"syscall"
)

// room waits until something can be sent on a data connection at once, and
// returns how many bytes that is. While a client stalls a download waits here,
// where it holds no buffer.
func (c *dataConn) room() (int, error) {
	if c.tls != nil {
		return c.tls.Room() // which asks idle
	}
	return c.idle.Room()
}

// unknownRoom is returned where the system does not tell.
const unknownRoom = 1 << 20

// Room waits until the kernel takes some bytes at once, and returns how many. As
// Write, it fails when no byte moves for limit.
func (c *idleConn) Room() (int, error) {
	raw := c.rawConn()
	if raw == nil {
		return unknownRoom, nil
	}
	if n, ok := roomNow(raw); ok {
		return n, nil
	}
	waiting := unsent(raw)
	for w := c.watch(); ; {
		if err := c.extend(); err != nil {
			return 0, err
		}
		n, err := awaitRoom(raw)
		if err == nil {
			return n, nil
		}
		left := unsent(raw)
		if !w.slow(left < waiting, err) {
			return 0, err
		}
		waiting = left
	}
}

// HasInput reports whether there is something to read, and true where the system
// does not tell.
func (c *idleConn) HasInput() bool {
	waits, known := inputWaits(tcp(c.Conn))
	return waits || !known
}

// rawConn returns the descriptor of the TCP connection below, nil if there is none.
func (c *idleConn) rawConn() syscall.RawConn {
	if c.raw == nil {
		if t := tcp(c.Conn); t != nil {
			c.raw, _ = t.SyscallConn()
		}
	}
	return c.raw
}
