package driver

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// small is the size up to which a file is rather copied than grown: that takes
// no longer than marking it.
const small = 64 << 10

// errNoGrowth is returned by grow when the system has not what it needs.
var errNoGrowth = errors.New("driver: the file system keeps no marks")

// grow adds a tail of t bytes to a file of n bytes which is locked, as the
// comment in dir_lock.go says.
func (u *atomicUpload) grow(h *heldFile, n, t int64) error {
	if !h.system || !h.write || u.temp.lock == nil {
		return errNoGrowth
	}
	if belongs(u.temp.f, u.base) != nil {
		return errNoGrowth
	}
	// The name of the file may be as new as what is added.
	return u.durably(func() error { return u.growMarked(h, n, t) })
}

// growMarked does of grow what is between setting the mark and removing it.
func (u *atomicUpload) growMarked(h *heldFile, n, t int64) error {
	if mark(h.f, n, t) != nil {
		return errNoGrowth
	}
	growing.begin(h.key, n)
	err := u.tail(h.f, n)
	if err == nil {
		err = unmark(h.f)
	}
	if err != nil {
		err = undone(err, h.f.Truncate(n), unmark(h.f))
	}
	growing.end(h.key)
	if err == nil && u.sync {
		if e := h.f.Sync(); e != nil {
			err = notSafe(e)
		}
	}
	return err
}

// undone returns the error of a change together with those of taking it back. Each is
// given its meaning, which fail finds in no error that is made of several.
func undone(err error, undo ...error) error {
	errs := []error{classify(bare(err))}
	for _, err := range undo {
		if err != nil {
			errs = append(errs, classify(bare(err)))
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// tail copies what the upload brought to the end of a file of n bytes.
func (u *atomicUpload) tail(f *os.File, n int64) error {
	if u.sync {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if err := copyTail(u.ctx, f, n, u.temp.f, u.at); err != nil {
		return err
	}
	if u.sync {
		return f.Sync()
	}
	return flush(f)
}

// undoGrowth cuts what a process that was killed had added to a file, which is locked.
func undoGrowth(f *os.File) error {
	if _, _, ok := marked(f); !ok {
		return nil
	}
	fi, err := f.Stat()
	if err == nil {
		if n := ownSize(f, fi.Size()); n < fi.Size() {
			err = f.Truncate(n)
		}
	}
	return first(err, unmark(f))
}

// ownSize returns how long a file is without what a process that was killed had added, or is
// adding if the file isn't locked. A size that grow can't have left behind is somebody else's doing.
func ownSize(f *os.File, size int64) int64 {
	if n, t, ok := marked(f); ok && size > n && size-n <= t {
		return n
	}
	return size
}

// copyTail copies src from offset at on to the place to of dst.
func copyTail(ctx context.Context, dst *os.File, to int64, src *os.File, at int64) error {
	if _, err := src.Seek(at, io.SeekStart); err != nil {
		return err
	}
	if _, err := dst.Seek(to, io.SeekStart); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := dst.ReadFrom(io.LimitReader(src, copyStep))
		if n == 0 || err != nil {
			return err
		}
	}
}

// copyStep is how much is copied between two looks at the context.
const copyStep = 16 << 20

// growth knows the files that this process is adding to, and the size they are
// said to have meanwhile.
type growth struct {
	mu    sync.RWMutex
	sizes map[string]int64 // by the number of the file
	turns atomic.Uint64    // changes with each begin and end
}

// growing is that of all Dirs: two may lead to the same file.
var growing growth

func (g *growth) begin(key string, size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sizes == nil {
		g.sizes = make(map[string]int64)
	}
	g.sizes[key] = size
	g.turns.Add(1)
}

func (g *growth) end(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sizes, key)
	g.turns.Add(1)
}

// size returns the size to tell of a file, if the file grows.
func (g *growth) size(key func() string) (int64, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if len(g.sizes) == 0 {
		return 0, false
	}
	n, ok := g.sizes[key()]
	return n, ok
}

// settled calls look until nothing began or ended to grow meanwhile: a size that
// was read before the end must not be taken for that after it. When files grow
// one after the other without a pause it gives up, with a look at a file that
// most likely isn't among them.
func (g *growth) settled(look func() error) error {
	for range 100 {
		turn := g.turns.Load()
		if err := look(); err != nil || g.turns.Load() == turn {
			return err
		}
	}
	return nil
}
