package driver

import (
	"context"
	"io/fs"
	"iter"
)

// A Scanner is an FS that lists a directory with less work when the reader keeps
// no entry: see [Scan].
type Scanner interface {
	// Scan is List for a reader that looks at each entry once: an entry and the
	// strings that it returns are valid only until the next is asked for. With
	// nameOnly nothing but the Name of an entry means anything.
	//
	// The listing is that of self. Where self is not the receiver, Scan returns
	// self.List: a struct that embeds the receiver has this method too, and may
	// have a List of its own, whose listing shows less.
	Scan(ctx context.Context, self FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error]
}

// Scan lists a directory for a reader that keeps no entry, as the server does. It
// asks fsys itself and no FS behind it, so that names which a wrapper hides stay
// hidden. If fsys is no [Scanner], Scan returns its List. The listing of a [Dir]
// then makes no garbage, and costs the system less.
func Scan(ctx context.Context, fsys FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	if s, ok := fsys.(Scanner); ok {
		return s.Scan(ctx, fsys, name, nameOnly)
	}
	return fsys.List(ctx, name)
}
