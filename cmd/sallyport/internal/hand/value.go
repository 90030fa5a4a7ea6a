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

// writeInfo writes the description of a file, or its name only.
func writeInfo(w *writer, fi fs.FileInfo, nameOnly bool) {
	w.String(fi.Name())
	if nameOnly {
		return
	}
	w.Int(fi.Size())
	w.Uint(uint64(fi.Mode()))
	writeTime(w, fi.ModTime())
	var owner, group, id string
	if o, ok := fi.(driver.FileOwner); ok {
		owner, group = o.Owner(), o.Group()
	}
	if f, ok := fi.(driver.FileID); ok {
		id = f.ID()
	}
	w.String(owner)
	w.String(group)
	w.String(id)
}

func readInfo(r *reader, i *info, nameOnly bool) {
	*i = info{name: r.String()}
	if nameOnly {
		return
	}
	i.size = r.Int()
	i.mode = fs.FileMode(r.Uint())
	i.time = readTime(r)
	i.owner = r.String()
	i.group = r.String()
	i.id = r.String()
}

// writeTime writes a time as seconds and nanoseconds, which reach beyond the years 1678 to 2262 of
// a single number.
func writeTime(w *writer, t time.Time) {
	w.Bool(!t.IsZero())
	if !t.IsZero() {
		w.Int(t.Unix())
		w.Uint(uint64(t.Nanosecond()))
	}
}

func readTime(r *reader) time.Time {
	if !r.Bool() {
		return time.Time{}
	}
	seconds, nanoseconds := r.Int(), r.Uint()
	return time.Unix(seconds, int64(nanoseconds%1e9))
}

func writeOptions(w *writer, o driver.StoreOptions) {
	w.Bool(o.Append)
	w.Int(o.Offset)
	w.Bool(o.Exclusive)
	w.Int(o.Size)
	w.Bool(o.Whole)
}

func readOptions(r *reader) driver.StoreOptions {
	return driver.StoreOptions{Append: r.Bool(), Offset: r.Int(), Exclusive: r.Bool(), Size: r.Int(), Whole: r.Bool()}
}
