package server

import (
	"sync"
	"sync/atomic"
)

// pool lends buffers for data in motion. It lends no more than most buffers of the
// full size at once; whoever comes later gets a small one. So clients that stall
// can't have all the memory, and hold nobody up.
type pool struct {
	size, most  int
	out         atomic.Int64 // how many of the full size are lent
	full, small sync.Pool
}

// smallBuffer is the size of the buffers that take returns when no full one is left: a
// record of TLS.
const smallBuffer = 16 << 10

var (
	// buffers are for what is read from a client, or moved from file to file.
	buffers = pool{size: 256 << 10, most: 48}
	// chunks are for what is sent. A download holds a chunk only while it has
	// something to send and the client takes that.
	chunks = pool{size: listChunk + sendChunk/4, most: 64}
)

// take returns a buffer. Call give when done with it.
func (p *pool) take() *[]byte {
	if p.out.Add(1) <= int64(p.most) {
		return taken(&p.full, p.size)
	}
	p.out.Add(-1)
	return taken(&p.small, smallBuffer)
}

func taken(from *sync.Pool, size int) *[]byte {
	if b, ok := from.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, size)
	return &b
}

func (p *pool) give(b *[]byte) {
	if len(*b) == smallBuffer {
		p.small.Put(b)
		return
	}
	p.out.Add(-1)
	p.full.Put(b)
}
