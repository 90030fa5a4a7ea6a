//go:build amd64 || arm64 || riscv64

package driver

import (
	"sync"
	"sync/atomic"
)

// dirBuffers lends memory for what the system tells of a directory at once. A
// client that stalls in a listing holds its buffer for as long, so only most of
// the full size are out at once, and who comes later gets a small one, with which
// the system is called more often.
type dirBuffers struct {
	size, most  int
	out         atomic.Int64 // full ones
	full, small sync.Pool
}

// smallDirBuffer holds some hundred names, and at least one of any length.
const smallDirBuffer = 4 << 10

var (
	// scanBuffers hold some 800 names.
	scanBuffers = dirBuffers{size: 32 << 10, most: 16}
	// nameBuffers hold some 6,500: where nothing else is asked of the system,
	// longer calls are cheaper than more of them.
	nameBuffers = dirBuffers{size: 256 << 10, most: 8}
)

// take returns a buffer that give wants back.
func (p *dirBuffers) take() *[]byte {
	from, size := &p.full, p.size
	if p.out.Add(1) > int64(p.most) {
		p.out.Add(-1)
		from, size = &p.small, smallDirBuffer
	}
	if b, ok := from.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, size)
	return &b
}

func (p *dirBuffers) give(b *[]byte) {
	if len(*b) == smallDirBuffer {
		p.small.Put(b)
		return
	}
	p.out.Add(-1)
	p.full.Put(b)
}
