package driver

import (
	"context"
	"io/fs"
	"iter"
)

// Scan is fsys.List for a reader that looks at each entry once and keeps none:
// an entry and the strings it returns are valid only until the next is asked
// for. With nameOnly nothing but the Name of an entry means anything. The
// listing of a [Dir] then makes no garbage, and costs the system less; that of
// any other FS is the same as List. An FS that wraps a Dir is asked for its own
// List, so that what it hides stays hidden.
func Scan(ctx context.Context, fsys FS, name string, nameOnly bool) iter.Seq2[fs.FileInfo, error] {
	// These very types, not what has their methods: a struct that embeds a Dir
	// may have a List of its own.
	switch fsys := fsys.(type) {
	case *Dir:
		return fsys.scan(ctx, name, nameOnly)
	case *Limited:
		return Scan(ctx, fsys.fsys, name, nameOnly)
	}
	return fsys.List(ctx, name)
}
