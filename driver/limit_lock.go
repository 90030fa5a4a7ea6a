package driver

import (
	"context"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// One file may be reached by several names, where a directory or the file itself is a symbolic
// link. A Limited locks names whose links are resolved, as far as the FS tells where links lead:
// the count of a file must not change between two looks at the file. A link to a file has a lock
// of its own beside that of the file, since some FS replace the link itself.

// lockedNames are names whose directories have no links, followed by the files that these names
// lead to if they are links themselves.
type lockedNames []string

// lockFiles locks names and, with target, the files that they lead to if they are links. The
// first of the names that it returns are those that were asked for, without links to directories
// on the way.
func (l *Limited) lockFiles(ctx context.Context, target bool, names ...string) (locked lockedNames, unlock func(), err error) {
	for {
		locked = l.withoutLinks(ctx, target, names)
		if unlock, err = l.lockNames(ctx, locked, names); err != nil {
			return nil, nil, err
		}
		if l.stillWithoutLinks(ctx, target, names, locked, unlock) {
			return locked, unlock, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
	}
}

// stillWithoutLinks reports whether no link was changed before the names were locked. If one was,
// it unlocks the names.
func (l *Limited) stillWithoutLinks(ctx context.Context, target bool, names []string, locked lockedNames, unlock func()) (same bool) {
	defer func() { // the FS may panic
		if !same {
			unlock()
		}
	}()
	return slices.Equal(locked, l.withoutLinks(ctx, target, names))
}

// lockNames locks names whose links are resolved, and keeps the links on the way from being
// changed.
func (l *Limited) lockNames(ctx context.Context, locked lockedNames, names []string) (unlock func(), err error) {
	keys := shareAbove("", names...)
	maps.Copy(keys, shareAbove("", locked...))
	for _, name := range locked {
		keys[name] = false
	}
	return l.lockKeys(ctx, keys)
}

// lock locks the names of the upload once more.
func (u *limitUpload) lock(ctx context.Context) (unlock func(), err error) {
	return u.l.lockNames(ctx, u.locked, []string{u.name})
}

// real returns the name without links to directories on the way.
func (u *limitUpload) real() string { return u.locked[0] }

func (l *Limited) withoutLinks(ctx context.Context, target bool, names []string) (found lockedNames) {
	for _, name := range names {
		dir := l.follow(ctx, path.Dir(name))
		found = append(found, path.Join(dir, path.Base(name)))
	}
	if target {
		for _, name := range found {
			if to := l.follow(ctx, name); to != name {
				found = append(found, to)
			}
		}
	}
	return found
}

// maxLinks bounds how many links are followed in one name, as Linux does.
const maxLinks = 40

// follow follows the links in a name, as far as the FS says where they lead.
func (l *Limited) follow(ctx context.Context, name string) string {
	var done []string
	rest := elements(name)
	for links := 0; len(rest) > 0; {
		e := rest[0]
		rest = rest[1:]
		switch e {
		case "", ".":
			continue
		case "..":
			done = done[:max(len(done)-1, 0)]
			continue
		}
		target, err := ReadLink(ctx, l.fsys, path.Join(append(done, e)...))
		if err != nil || links == maxLinks {
			done = append(done, e) // no link, or not there
			continue
		}
		links++
		rest = append(strings.Split(filepath.ToSlash(target), "/"), rest...)
	}
	return path.Join(append([]string{"."}, done...)...)
}
