package ftptls

import (
	"sync"
	"sync/atomic"
)

const (
	// gatherSize is how many bytes of records are gathered before they are
	// sent, and how many are read from the socket at once.
	gatherSize = 512 << 10
	// A buffer takes one record more, so that none is ever split: thirty-two
	// records of a 512 KiB write leave together.
	bufferSize = gatherSize + maxRecord
)

// mostBuffers bounds the buffers in use at once. A connection that gets none sends
// and receives record by record.
const mostBuffers = 32

// buffers are shared by all connections, because each needs one only while
// bytes move.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// buffersOut counts the buffers in use; tests check that it returns to zero.
var buffersOut atomic.Int64

// takeBuffer returns a buffer, nil if mostBuffers are in use.
func takeBuffer() *[bufferSize]byte {
	if buffersOut.Add(1) > mostBuffers {
		buffersOut.Add(-1)
		return nil
	}
	return buffers.Get().(*[bufferSize]byte)
}

func returnBuffer(b *[bufferSize]byte) {
	buffersOut.Add(-1)
	buffers.Put(b)
}
