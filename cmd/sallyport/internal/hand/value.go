//go:build linux

package hand

import (
	"io/fs"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// info describes a file as the hand sees it. It implements driver.FileOwner and driver.FileID.
type info struct {
	name             string
	size             int64
	mode             fs.FileMode
	time             time.Time
	owner, group, id string
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return i.time }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) Sys() any           { return nil }
func (i *info) Owner() string      { return i.owner }
func (i *info) Group() string      { return i.group }
func (i *info) ID() string         { return i.id }

// info writes what describes a file, or its name only.
func (w *writer) info(fi fs.FileInfo, nameOnly bool) {
	w.string(fi.Name())
	if nameOnly {
		return
	}
	w.int(fi.Size())
	w.uint(uint64(fi.Mode()))
	w.time(fi.ModTime())
	var owner, group, id string
	if o, ok := fi.(driver.FileOwner); ok {
		owner, group = o.Owner(), o.Group()
	}
	if f, ok := fi.(driver.FileID); ok {
		id = f.ID()
	}
	w.string(owner)
	w.string(group)
	w.string(id)
}

func (r *reader) info(i *info, nameOnly bool) {
	*i = info{name: r.string()}
	if nameOnly {
		return
	}
	i.size = r.int()
	i.mode = fs.FileMode(r.uint())
	i.time = r.time()
	i.owner = r.string()
	i.group = r.string()
	i.id = r.string()
}

// time writes a time. Seconds and nanoseconds apart reach further than the years 1678 to 2262.
func (w *writer) time(t time.Time) {
	w.bool(!t.IsZero())
	if !t.IsZero() {
		w.int(t.Unix())
		w.uint(uint64(t.Nanosecond()))
	}
}

func (r *reader) time() time.Time {
	if !r.bool() {
		return time.Time{}
	}
	seconds, nanoseconds := r.int(), r.uint()
	return time.Unix(seconds, int64(nanoseconds%1e9))
}

func (w *writer) options(o driver.StoreOptions) {
	w.bool(o.Append)
	w.int(o.Offset)
	w.bool(o.Exclusive)
	w.int(o.Size)
	w.bool(o.Whole)
}

func (r *reader) options() driver.StoreOptions {
	return driver.StoreOptions{Append: r.bool(), Offset: r.int(), Exclusive: r.bool(), Size: r.int(), Whole: r.bool()}
}
