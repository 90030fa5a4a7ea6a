package drivertest

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/driver"
)

// A Fault makes a call of an FS go wrong. The fault happens instead of the call:
// the FS within hears nothing of it.
type Fault struct {
	// Method is the call that goes wrong:
	//
	//	Stat List Open Store Mkdir Remove RemoveDir Rename
	//	List.Next                          before each entry of a listing, and before its end
	//	Open.Read Open.Close               of the reader that Open gave
	//	Store.Write Store.Commit Store.Close    of the upload that Store gave; ReadFrom is a Write
	//	SetTimes SetMode SetGroup Symlink ReadLink Space Checksum CheckStore
	Method string

	// Call says which call of the method it is, the first being 1. Zero is
	// every call.
	Call int

	// Part is how many bytes a Read or Write still moves before it goes wrong.
	Part int

	// Do is what happens: Fail, Hang, Panic or a function of the test. The
	// context is that of the call; for calls of a reader or an upload, that of
	// Open or Store. If Do returns nil the call goes on as if there were no
	// fault.
	Do func(ctx context.Context) error
}

// Fail returns a [Fault.Do] that makes the call return err.
func Fail(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// Panic returns a [Fault.Do] that makes the call panic with v.
func Panic(v any) func(context.Context) error {
	return func(context.Context) error { panic(v) }
}

// Hang is a [Fault.Do]: the call does nothing until its context ends, and then
// returns the error of the context.
func Hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// methods are the values that Fault.Method may have.
var methods = []string{
	"Stat", "List", "List.Next", "Open", "Open.Read", "Open.Close", "Store", "Store.Write", "Store.Commit", "Store.Close",
	"Mkdir", "Remove", "RemoveDir", "Rename",
	"SetTimes", "SetMode", "SetGroup", "Symlink", "ReadLink", "Space", "Checksum", "CheckStore",
}

// FaultyFS is an FS in which calls go wrong. It comes from [Faulty]. It has all
// abilities. Where the FS within lacks an ability, the method returns
// [errors.ErrUnsupported], and CheckStore nil. All methods may be called
// concurrently.
type FaultyFS struct {
	fsys driver.FS

	mu     sync.Mutex
	faults []Fault
	calls  []string
	count  map[string]int
	held   map[*handle]struct{}
	cause  error // that the last upload was closed with
}

// A handle stands for a reader, an upload or a listing that must be given back.
type handle struct{ what string }

// Faulty returns an FS that does what fsys does, except for the faults. The same
// calls go wrong in each run. Use it to see how a server, or an FS that wraps
// another, copes with failures; [RunFaults] does that for any wrapper.
//
// Faulty panics if a fault names no method of [Fault.Method], or has no Do.
func Faulty(fsys driver.FS, faults ...Fault) *FaultyFS {
	f := &FaultyFS{fsys: fsys, held: make(map[*handle]struct{})}
	f.Set(faults...)
	return f
}

// Set replaces the faults and begins to count calls anew.
func (f *FaultyFS) Set(faults ...Fault) {
	for _, fault := range faults {
		if !slices.Contains(methods, fault.Method) || fault.Do == nil {
			panic(fmt.Sprintf("drivertest: fault in %q", fault.Method))
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults, f.calls, f.count = slices.Clone(faults), nil, make(map[string]int)
}

// Calls returns the methods that were called since the faults were set, in order.
func (f *FaultyFS) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Held names the readers and uploads that were not closed yet and the listings
// that were not ended, for example `upload "a"`. A Close that goes wrong counts
// as a Close.
func (f *FaultyFS) Held() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for h := range f.held {
		all = append(all, h.what)
	}
	slices.Sort(all)
	return all
}

// hold registers something that must be given back.
func (f *FaultyFS) hold(kind, name string) *handle {
	h := &handle{fmt.Sprintf("%s %q", kind, name)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held[h] = struct{}{}
	return h
}

func (f *FaultyFS) release(h *handle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.held, h)
}

// next counts a call and returns what goes wrong in it, nil for nothing.
func (f *FaultyFS) next(method string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, method)
	f.count[method]++
	for _, fault := range f.faults {
		if fault.Method == method && (fault.Call == 0 || fault.Call == f.count[method]) {
			return &fault
		}
	}
	return nil
}

// hit counts a call that moves no bytes, and returns what its fault returns, nil
// without one.
func (f *FaultyFS) hit(ctx context.Context, method string) error {
	if fault := f.next(method); fault != nil {
		return fault.Do(ctx)
	}
	return nil
}

// Stat describes a file.
func (f *FaultyFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	if err := f.hit(ctx, "Stat"); err != nil {
		return nil, err
	}
	return f.fsys.Stat(ctx, name)
}

// List yields the entries of a directory.
func (f *FaultyFS) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		h := f.hold("listing", name)
		defer f.release(h)
		if err := f.hit(ctx, "List"); err != nil {
			yield(nil, err)
			return
		}
		for fi, err := range f.fsys.List(ctx, name) {
			if bad := f.hit(ctx, "List.Next"); bad != nil {
				yield(nil, bad)
				return
			}
			if !yield(fi, err) {
				return
			}
		}
		if err := f.hit(ctx, "List.Next"); err != nil {
			yield(nil, err)
		}
	}
}

// Open opens a file.
func (f *FaultyFS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	if err := f.hit(ctx, "Open"); err != nil {
		return nil, err
	}
	r, err := f.fsys.Open(ctx, name, offset)
	if err != nil {
		return nil, err
	}
	return &faultyReader{r, f, ctx, f.hold("reader", name)}, nil
}

// Store begins an upload.
func (f *FaultyFS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	if err := f.hit(ctx, "Store"); err != nil {
		return nil, err
	}
	u, err := f.fsys.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	up := &faultyUpload{u, f, ctx, f.hold("upload", name)}
	if from, ok := u.(io.ReaderFrom); ok {
		return &faultyReaderFrom{up, from}, nil
	}
	return up, nil
}
