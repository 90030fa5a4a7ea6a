package server

import (
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/tcp"
)

// room waits until something can be sent on a data connection at once, and
// returns how many bytes that is. While a client stalls a download waits in room,
// where downloads hold no buffer.
func (c *dataConn) room() (int, error) {
	if c.tls != nil {
		return c.tls.Room() // which asks idle
	}
	return c.idle.Room()
}

// unknownRoom is returned where the system does not tell.
const unknownRoom = 1 << 20

// Room waits until the kernel accepts bytes without blocking, and returns how many.
// Like Write, Room fails when no byte moves for limit.
func (c *idleConn) Room() (int, error) {
	raw := c.rawConn()
	if raw == nil {
		return unknownRoom, nil
	}
	n, err := c.awaitRoom(raw)
	c.taken += n
	if c.taken >= aheadTimes*c.ahead && c.ahead < mostAhead {
		c.setAhead(2 * c.ahead)
	}
	return n, err
}

func (c *idleConn) awaitRoom(raw syscall.RawConn) (int, error) {
	if n, ok := roomNow(raw, c.ahead); ok {
		return n, nil
	}
	waiting := unsent(raw)
	for w := c.watch(); ; {
		if err := c.extend(); err != nil {
			return 0, err
		}
		n, err := awaitRoom(raw, c.ahead)
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

// AwaitInput waits until there is something to read, the end included, or until a
// Read would have failed. The next Read tells which of these it was. AwaitInput
// holds no memory meanwhile.
func (c *idleConn) AwaitInput() {
	if c.input == nil {
		if t := tcp.Below(c.Conn); t != nil {
			c.input, _ = t.SyscallConn() // never fails for one that is open
		}
	}
	if c.input != nil && c.Conn.SetReadDeadline(time.Now().Add(c.limit)) == nil {
		awaitInput(c.input)
	}
}

// rawConn returns the descriptor of the TCP connection below, nil if there is none.
func (c *idleConn) rawConn() syscall.RawConn {
	if c.raw == nil {
		if t := tcp.Below(c.Conn); t != nil {
			c.raw, _ = t.SyscallConn() // never fails for one that is open
		}
		if c.raw != nil {
			c.setAhead(leastAhead)
		}
	}
	return c.raw
}

// setAhead sets how much may be sent ahead of what the client takes.
func (c *idleConn) setAhead(n int) {
	c.ahead = n
	sendAhead(c.raw, n)
}
