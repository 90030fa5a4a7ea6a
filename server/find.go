package server

import (
	"context"
	"io/fs"
	"iter"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// entries are what a listing runs through. Its context is that of the transfer,
// so that ABOR reaches a driver. An entry is valid only until the next entry, and in a
// listing of names has nothing but a name.
type entries func(ctx context.Context, l *listing) iter.Seq2[fs.FileInfo, error]

// find resolves the argument of LIST, NLST or STAT to entries: the entries of a directory, a
// single file, or the matches of a pattern in the last element. A file or directory that has
// the pattern itself as its name comes first.
func (s *session) find(ctx context.Context, arg string) (*listing, error) {
	l := &listing{session: s}
	l.flags, l.path = wire.ListArg(arg)
	p, err := s.path(ctx, l.path)
	if err != nil {
		return nil, err
	}
	name := p.Name
	info, err := s.files.Stat(ctx, name)
	dir, last := path.Split(name)
	l.dir = path.Clean(dir)
	switch {
	case err == nil && info.IsDir():
		l.dir, l.entries, l.whole = name, matching(s.directory(name), l.shows), true
		return l, nil
	case err == nil && p.Dir:
		return nil, driver.ErrNotDir
	case err == nil:
		l.entries = single(info)
		return l, nil
	case wire.HasGlob(last) && !wire.HasGlob(l.dir):
		pattern, err := wire.ParsePattern(last)
		if err != nil {
			return nil, err
		}
		l.entries = matching(s.directory(l.dir), func(name string) bool {
			return pattern.Match(name) && (last[0] == '.' || l.shows(name))
		})
		return l, nil
	}
	return nil, err
}

// shows reports whether the listing of a directory has a name.
func (l *listing) shows(name string) bool {
	return !l.session.srv.HideDotFiles || name[0] != '.' || strings.ContainsAny(l.flags, "aA")
}

// directory returns the entries of a directory, without entries whose names no command could
// hold: the client may ask for everything that is shown. The entries end with the context,
// whether the driver looks at the context or not, and give way to other sessions.
func (s *session) directory(dir string) entries {
	return func(ctx context.Context, l *listing) iter.Seq2[fs.FileInfo, error] {
		return func(yield func(fs.FileInfo, error) bool) {
			l.place = s.srv.fair.take(ctx, &s.spent)
			defer func() {
				l.place.give()
				l.place = nil
			}()
			n := 0
			for info, err := range driver.Scan(ctx, s.files, dir, l.names) {
				if n++; n%entriesAtOnce == 0 {
					l.place.breathe()
				}
				if err == nil && n%entriesAtOnce == 0 && ctx.Err() != nil {
					yield(nil, context.Cause(ctx))
					return
				}
				if err == nil && !s.nameable(dir, info.Name()) {
					continue
				}
				if !yield(info, err) {
					return
				}
			}
		}
	}
}

// entriesAtOnce is how many entries a listing goes through before it gives way and looks at
// its context. So many take little time, even by long patterns.
const entriesAtOnce = 64

func (a *account) nameable(dir, name string) bool {
	return wire.Nameable(name) && (utf8.ValidString(name) || a.takes(path.Join(dir, name)))
}

// single returns a listing of one file.
func single(info fs.FileInfo) entries {
	return func(context.Context, *listing) iter.Seq2[fs.FileInfo, error] {
		return func(yield func(fs.FileInfo, error) bool) { yield(info, nil) }
	}
}

// matching returns the entries whose names fit.
func matching(all entries, fits func(name string) bool) entries {
	return func(ctx context.Context, l *listing) iter.Seq2[fs.FileInfo, error] {
		return func(yield func(fs.FileInfo, error) bool) {
			for info, err := range all(ctx, l) {
				if err == nil && !fits(info.Name()) {
					continue
				}
				if !yield(info, err) {
					return
				}
			}
		}
	}
}
