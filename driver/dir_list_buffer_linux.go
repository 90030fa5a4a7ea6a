//go:build amd64 || arm64 || riscv64

package driver

import (
	"sync"
	"sync/atomic"
)

// dirBuffers lends buffers for reading directories. A listing whose client stalls
// keeps its buffer meanwhile, so dirBuffers lends at most a fixed number of full
// ones, and small ones beyond, which take more calls of the system.
type dirBuffers struct {
	size, most  int
	out         atomic.Int64 // full buffers that are lent
	full, small sync.Pool
}

// smallDirBuffer holds some hundred names, and at least one of any length.
const smallDirBuffer = 4 << 10

var (
	// scanBuffers hold some 800 names.
	scanBuffers = dirBuffers{size: 32 << 10, most: 16}
	// nameBuffers hold some 6,500 names: where nothing else is asked of the
	// system, long calls are cheaper than many.
	nameBuffers = dirBuffers{size: 256 << 10, most: 8}
)

// take lends a buffer, to be returned by give.
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
