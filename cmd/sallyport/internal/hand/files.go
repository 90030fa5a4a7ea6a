package hand

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/sallyport/sallyport/driver"
)

// Client has all abilities whose calls can be messages. An ability that the hand's FS lacks returns
// errors.ErrUnsupported.
var _ interface {
	driver.FS
	driver.Scanner
	driver.TimeSetter
	driver.ModeSetter
	driver.GroupSetter
	driver.Symlinker
	driver.LinkReader
	driver.SpaceReporter
	driver.StoreChecker
	driver.InPlacer
	driver.RawNamer
	driver.SameRemover
	driver.Checksummer
} = (*Client)(nil)

// named makes a call about names whose answer is only an error or nil.
func (c *Client) named(ctx context.Context, o op, names ...string) error {
	return c.do(ctx, o, func(w *writer) {
		for _, name := range names {
			w.String(name)
		}
	}, nil)
}

func (c *Client) Mkdir(ctx context.Context, name string) error  { return c.named(ctx, opMkdir, name) }
func (c *Client) Remove(ctx context.Context, name string) error { return c.named(ctx, opRemove, name) }

func (c *Client) RemoveDir(ctx context.Context, name string) error {
	return c.named(ctx, opRemoveDir, name)
}

func (c *Client) Rename(ctx context.Context, from, to string) error {
	return c.named(ctx, opRename, from, to)
}

func (c *Client) Symlink(ctx context.Context, target, name string) error {
	return c.named(ctx, opSymlink, target, name)
}

func (c *Client) SetGroup(ctx context.Context, name, group string) error {
	return c.named(ctx, opSetGroup, name, group)
}

func (c *Client) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	return c.do(ctx, opSetMode, func(w *writer) { w.String(name); w.Uint(uint64(mode)) }, nil)
}

func (c *Client) SetTimes(ctx context.Context, name string, t driver.Times) error {
	return c.do(ctx, opSetTimes, func(w *writer) {
		w.String(name)
		writeTime(w, t.Modify)
		writeTime(w, t.Access)
		writeTime(w, t.Create)
	}, nil)
}

func (c *Client) RemoveSame(ctx context.Context, name string, fi fs.FileInfo) error {
	return c.do(ctx, opRemoveSame, func(w *writer) { w.String(name); writeInfo(w, fi, false) }, nil)
}

func (c *Client) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	return c.do(ctx, opCheckStore, func(w *writer) { w.String(name); writeOptions(w, opts) }, func(a *answer) {
		c.atomic.Store(a.Bool())
	})
}

// WritesInPlace returns what the hand has told with its answer to CheckStore, and true before that.
func (c *Client) WritesInPlace(_ string, opts driver.StoreOptions) bool {
	return !opts.Whole && !c.atomic.Load()
}

func (c *Client) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	fi := new(info)
	err := c.do(ctx, opStat, func(w *writer) { w.String(name) }, func(a *answer) { readInfo(a.reader, fi, false) })
	if err != nil {
		return nil, err
	}
	return fi, nil
}

func (c *Client) ReadLink(ctx context.Context, name string) (target string, err error) {
	err = c.do(ctx, opReadLink, func(w *writer) { w.String(name) }, func(a *answer) { target = a.String() })
	return target, err
}

func (c *Client) Space(ctx context.Context, name string) (n int64, err error) {
	err = c.do(ctx, opSpace, func(w *writer) { w.String(name) }, func(a *answer) { n = a.Int() })
	return n, err
}

func (c *Client) Checksum(ctx context.Context, name, algorithm string, offset, length int64) (sum []byte, err error) {
	err = c.do(ctx, opChecksum, func(w *writer) {
		w.String(name)
		w.String(algorithm)
		w.Int(offset)
		w.Int(length)
	}, func(a *answer) { sum = []byte(a.String()) })
	return sum, err
}

// RawNames asks the hand. It returns false if the hand has ended.
func (c *Client) RawNames(name string) (ok bool) {
	err := c.do(context.Background(), opRawNames, func(w *writer) { w.String(name) }, func(a *answer) { ok = a.Bool() })
	return ok && err == nil
}

func (c *Client) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return c.list(ctx, name, false, func() *info { return new(info) })
}

// Scan implements driver.Scanner.
func (c *Client) Scan(ctx context.Context, self driver.FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	if self != driver.FS(c) {
		return self.List(ctx, name)
	}
	fi := new(info)
	return c.list(ctx, name, nameOnly, func() *info { return fi })
}

// list asks for a listing in pieces and yields its entries one by one.
func (c *Client) list(ctx context.Context, name string, nameOnly bool, next func() *info) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return
		}
		w, err := c.begin(opList, func(w *writer) { w.String(name); w.Bool(nameOnly) })
		if err != nil {
			yield(nil, err)
			return
		}
		defer c.cancel(w)
		for {
			a, err := c.next(ctx, w)
			a.closeFile() // a listing has no file
			if err == nil && a.op == opEntries {
				err = c.send(opMore, w.id, nil)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for n := a.Uint(); n > 0 && a.Mistake() == nil; n-- {
				if err := ctx.Err(); err != nil {
					yield(nil, err)
					return
				}
				fi := next()
				if readInfo(a.reader, fi, nameOnly); a.Mistake() == nil && !yield(fi, nil) {
					return
				}
			}
			if a.op == opEntries && a.End() == nil {
				continue
			}
			if err := a.Failure(); err != nil {
				yield(nil, err)
			} else if a.End() != nil {
				yield(nil, a.Mistake())
			}
			return
		}
	}
}

// part is the part of an open file that a session may read. It implements driver.FilePart.
type part struct {
	*io.LimitedReader
	f *os.File
}

func (p *part) Part() (*os.File, int64) { return p.f, p.N }
func (p *part) Close() error            { return p.f.Close() }

// Open has the hand open a file and takes over the descriptor, or reads the file in messages if there is none.
func (c *Client) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	p := &part{LimitedReader: new(io.LimitedReader)}
	var id uint64
	err := c.do(ctx, opOpen, func(w *writer) { w.String(name); w.Int(offset) }, func(a *answer) {
		if p.N = a.Int(); p.N == noFile {
			id = a.Uint()
			return
		}
		p.f = a.takeFile()
	})
	if err != nil {
		return nil, err
	}
	switch p.N {
	case noPart:
		return p.f, nil
	case noFile:
		return c.newStream(ctx, id), nil
	}
	p.R = p.f
	return p, nil
}
