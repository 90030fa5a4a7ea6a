package server

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// maxBranches bounds how many directories a recursive listing remembers that it has yet to
// list.
const maxBranches = 100_000

// branch is a directory of a recursive listing. As an entry it is the heading of those that
// follow.
type branch struct {
	fs.FileInfo        // nil
	dir         string // as the driver has it
	shown       string // as the client knows it
}

// recurse lists the directories below as well, if the client asks for that by -R and may.
func (l *listing) recurse() {
	if !l.session.srv.ListRecursive || !l.whole || !strings.Contains(l.flags, "R") {
		return
	}
	shown := strings.TrimSuffix(l.path, "/")
	switch {
	case l.path == "":
		shown = "."
	case shown == "":
		shown = "/"
	}
	root := branch{dir: l.dir, shown: shown}
	l.entries, l.names = tree(root), false // names alone don't say what is a directory
	line := l.line
	l.line = func(ctx context.Context, dst []byte, info fs.FileInfo) []byte {
		b, ok := info.(branch)
		if !ok {
			return line(ctx, dst, info)
		}
		l.dir = b.dir
		if b != root {
			l.prefix = b.shown + "/"
			dst = append(dst, "\r\n"...)
		}
		return wire.AppendNLST(dst, "", b.shown+":")
	}
}

// tree returns the entries of a directory and of all directories below, each directory after
// its own heading. Directories below the root that can't be listed are left out.
func tree(root branch) entries {
	return func(ctx context.Context, l *listing) iter.Seq2[fs.FileInfo, error] {
		return func(yield func(fs.FileInfo, error) bool) {
			pending := []branch{root} // a stack
			for len(pending) > 0 {
				b := pending[len(pending)-1]
				pending = pending[:len(pending)-1]
				below, err := l.branch(ctx, b, maxBranches-len(pending), yield)
				switch {
				case err == errStopped:
					return
				case err != nil && (b == root || ctx.Err() != nil || !unreadable(err)):
					yield(nil, err)
					return
				}
				pending = append(pending, below...)
			}
		}
	}
}

var (
	errStopped   = errors.New("no more entries are wanted")
	errManyBelow = &driver.Error{Code: 451, Text: "There are too many directories for a recursive listing; list them one by one."}
)

// unreadable reports whether an error says that a single directory can't be listed.
func unreadable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, driver.ErrNotDir)
}

// branch yields the heading and the entries of a directory, and returns the directories in it, at
// most room of them, the last one first.
func (l *listing) branch(ctx context.Context, b branch, room int, yield func(fs.FileInfo, error) bool) (below []branch, err error) {
	headed := false
	for info, err := range matching(l.session.directory(b.dir), l.shows)(ctx, l) {
		if err != nil {
			return nil, err
		}
		if !headed && !yield(b, nil) {
			return nil, errStopped
		}
		headed = true
		if info.IsDir() {
			if len(below) == room {
				return nil, errManyBelow
			}
			name := strings.Clone(info.Name())
			below = append(below, branch{dir: path.Join(b.dir, name), shown: strings.TrimSuffix(b.shown, "/") + "/" + name})
		}
		if !yield(info, nil) {
			return nil, errStopped
		}
	}
	if !headed && !yield(b, nil) {
		return nil, errStopped
	}
	slices.Reverse(below)
	return below, nil
}
