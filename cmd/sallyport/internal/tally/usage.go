//go:build linux

package tally

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/driver"
)

// Usage is the part that one process has in a Table.
type Usage struct {
	locks
	numbers []int64
	place   int
}

var _ driver.Usage = (*Usage)(nil)

// Open opens what Enter has returned, and closes f when it fails.
func Open(f *os.File, place int) (*Usage, error) {
	fi, err := f.Stat()
	if err == nil && (fi.Size() != size || place < 0 || place >= mostPlaces) {
		err = errors.New("tally: this is no table")
	}
	var memory []byte
	if err == nil {
		err = control(f, func(fd int) (err error) {
			memory, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		})
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	u := &Usage{locks: locks{f: f, held: map[int64]*holders{}}, place: firstPlace + 2*place}
	u.numbers = unsafe.Slice((*int64)(unsafe.Pointer(&memory[0])), size/8)
	runtime.AddCleanup(u, func(memory []byte) { unix.Munmap(memory) }, memory) // not before, since calls may come late
	return u, nil
}

// Close gives back all locks. Calls that come later lock nothing.
func (u *Usage) Close() error {
	control(u.f, func(fd int) error { // the memory keeps the locks otherwise
		return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK})
	})
	return u.f.Close()
}

// Measure calls measure unless what is stored was measured by anybody. It waits for others that measure.
func (u *Usage) Measure(ctx context.Context, measure func() error) error {
	if err := u.lock(ctx, whole, false); err != nil {
		return err
	}
	defer u.unlock(whole, false)
	if atomic.LoadInt64(&u.numbers[measured]) != 0 {
		return nil
	}
	if err := measure(); err != nil {
		return err
	}
	atomic.StoreInt64(&u.numbers[measured], 1)
	return nil
}

// Store implements driver.Usage.
func (u *Usage) Store(bytes, files int64) (allBytes, allFiles int64) {
	return add(&u.numbers[storedBytes], bytes), add(&u.numbers[storedFiles], files)
}

// add adds to a number that can't fall below zero, and returns it.
func add(to *int64, n int64) int64 {
	for {
		was := atomic.LoadInt64(to)
		is := max(was+n, 0)
		if is == was || atomic.CompareAndSwapInt64(to, was, is) {
			return is
		}
	}
}

// Reserve implements driver.Usage.
func (u *Usage) Reserve(bytes, files int64) (allBytes, allFiles int64) {
	atomic.StoreInt64(&u.numbers[u.place], bytes)
	atomic.StoreInt64(&u.numbers[u.place+1], files)
	for i := firstPlace; i < len(u.numbers); i += 2 {
		allBytes += atomic.LoadInt64(&u.numbers[i])
		allFiles += atomic.LoadInt64(&u.numbers[i+1])
	}
	return allBytes, allFiles
}
