package driver

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// small is the size up to which a file is copied rather than grown, because a copy takes no longer
// than setting a mark.
const small = 64 << 10

// errNoGrowth is returned by grow where a lock or a mark that grow needs can't be had.
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
	// Sync the directory too, because the name of the file may be as new as the added bytes.
	return u.durably(func() error { return u.growMarked(h, n, t) })
}

// growMarked is the part of grow between setting the mark and removing it: it adds the
// bytes.
func (u *atomicUpload) growMarked(h *heldFile, n, t int64) error {
	if mark(h.f, n, t) != nil {
		return errNoGrowth
	}
	growing.begin(h.key, n)
	err := u.tail(h, n)
	outrun := errors.Is(err, errOutrun) // nothing was added
	if err == nil || outrun {
		err = first(unmark(h.f), err)
	}
	if err != nil && !outrun {
		err = undone(err, cut(h.f, n), unmark(h.f))
	}
	growing.end(h.key)
	if err == nil && u.sync {
		if e := h.f.Sync(); e != nil {
			err = notSafe(e)
		}
	}
	return err
}

// cut shortens a file to n bytes, if there are more.
func cut(f *os.File, n int64) error {
	fi, err := f.Stat()
	if err != nil || fi.Size() <= n {
		return err
	}
	return f.Truncate(n)
}

// undone joins the error of a change and the errors of undoing it. It classifies each, because fail
// can't classify a joined error.
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

// tail adds the uploaded bytes to the end of a file of n bytes. The error is errOutrun if a program
// that takes no lock has written into the file since h was described.
func (u *atomicUpload) tail(h *heldFile, n int64) error {
	if u.sync {
		if err := h.f.Sync(); err != nil {
			return err
		}
	}
	switch fi, err := h.f.Stat(); {
	case err != nil:
		return err
	case !sameContent(h.info, fi):
		return errOutrun
	}
	if err := appendTail(u.ctx, h.f, n, u.temp.f, u.at); err != nil {
		return err
	}
	if u.sync {
		return h.f.Sync()
	}
	return flush(h.f)
}

// undoGrowth removes the bytes that a killed process had added to a file, which is locked.
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

// ownSize returns the size of a file without the bytes that a killed process had added, or that a
// process is adding if the file isn't locked. If grow can't have left the file at this size, another
// program has changed it, and all bytes count.
func ownSize(f *os.File, size int64) int64 {
	if n, t, ok := marked(f); ok && size > n && size-n <= t {
		return n
	}
	return size
}

// appendTail adds src, from the offset at on, to a file of n bytes. Each piece goes to the current
// end of the file, so that it overwrites nothing that another program adds meanwhile. If another
// program cuts the file off, the error is ErrChanged.
func appendTail(ctx context.Context, dst *os.File, n int64, src *os.File, at int64) error {
	if err := setAppend(dst); err != nil {
		return err
	}
	if _, err := src.Seek(at, io.SeekStart); err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := src.Read(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := dst.Write(buf[:m]); err != nil {
			return err
		}
		end, err := dst.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		if at := end - int64(m); at < n {
			return first(cut(dst, at), ErrChanged)
		}
		n += int64(m)
	}
}

// growth holds the files that this process is adding to, with the size that sessions are shown
// meanwhile.
type growth struct {
	mu    sync.RWMutex
	sizes map[string]int64 // by the number of the file
	turns atomic.Uint64    // changes with each begin and end
}

// growing is one for all Dirs, because two of them may lead to the same file.
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

// size returns the size that sessions are shown of a file that is being added to. It reports false
// for any other file.
func (g *growth) size(key func() string) (int64, bool) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if len(g.sizes) == 0 {
		return 0, false
	}
	n, ok := g.sizes[key()]
	return n, ok
}

// settled calls look until no growth began or ended during the call, so that a size read before the
// end isn't taken for the size after it. After a hundred calls, as when files grow without a pause,
// settled gives up: the file looked at most likely isn't among them.
func (g *growth) settled(look func() error) error {
	for range 100 {
		turn := g.turns.Load()
		if err := look(); err != nil || g.turns.Load() == turn {
			return err
		}
	}
	return nil
}
