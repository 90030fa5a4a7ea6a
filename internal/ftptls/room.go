package ftptls

// roomy is a connection that knows how much it takes at once.
type roomy interface {
	// Room waits until some bytes can be written without a wait for the other
	// end, and returns how many.
	Room() (int, error)
}

const (
	// fullRoom is returned where nobody knows how much room there is.
	fullRoom = gatherSize
	// littleRoom is so little that records gathered before are sent first.
	littleRoom = maxRecord
	// leastRoom is returned at least: smaller records would be mostly overhead.
	leastRoom = 512
	// protection is more than a record takes beyond what is in it.
	protection = 96
)

// Room waits until the client has taken so much that more can be sent at once,
// and returns how many bytes that is. A caller that fetches its data after Room,
// and no more than Room has returned, holds no memory for a client that stalls,
// nor does the connection. Room can tell only if the connection below has a
// method Room() (int, error) that does the same; without one there is always
// room. The goroutine that writes calls it.
func (c *Conn) Room() (int, error) {
	if err := c.ready(); err != nil {
		return 0, err
	}
	below, ok := c.conn.(roomy)
	if !ok {
		return fullRoom, nil
	}
	left, err := c.out.left()
	if err == nil && left < littleRoom {
		var n int
		if n, err = below.Room(); err == nil {
			left = c.out.allow(n)
		}
	}
	if err != nil {
		return 0, err
	}
	return max(left-(left/maxPlaintext+1)*protection, leastRoom), nil
}

// left returns how many bytes of records can be gathered so that all leave at
// once. If that is little, left sends what has been gathered.
func (o *outbound) left() (int, error) {
	o.mu.Lock()
	defer o.unlock()
	left := o.room - len(o.pending)
	if left < littleRoom && o.dirty.Load() {
		return 0, o.flushLocked()
	}
	return left, o.err
}

// allow says that n bytes can leave at once, and returns how many can be gathered.
func (o *outbound) allow(n int) int {
	o.mu.Lock()
	defer o.unlock()
	o.room = min(n, bufferSize)
	return o.room - len(o.pending)
}
