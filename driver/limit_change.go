package driver

import (
	"context"
	"errors"
	"io/fs"
)

// stored is what is counted for a file that is being uploaded, so that what an
// FS which isn't atomic shows of it meanwhile isn't counted a second time.
type stored struct {
	count
	uploads int
	names   []string
	id      string
}

// look is what the FS has under a name. With link a symbolic link is nothing,
// for the operations that don't follow it. What can't be seen is nothing; that
// it can't be known whether there is something is an error.
func (l *Limited) look(ctx context.Context, name string, link bool) (c count, id string, err error) {
	if link {
		if _, err := ReadLink(ctx, l.fsys, name); err == nil || errors.Is(err, fs.ErrPermission) {
			return count{}, "", nil
		}
	}
	switch fi, err := l.fsys.Stat(ctx, name); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return count{}, "", nil
	case err != nil:
		return count{}, "", err
	case fi.Mode().IsRegular():
		return count{fi.Size(), 1}, idOf(fi), nil
	}
	return count{}, "", nil
}

// find is what is counted for a file, by its ID first: it may have several names
// (links, and upper and lower case on some systems).
func (l *Limited) find(name, id string) *stored {
	if id != "" {
		if s := l.active["id:"+id]; s != nil {
			return s
		}
	}
	return l.active["name:"+name]
}

// known makes find find a file. An ID that it no longer has is forgotten, for
// systems give the numbers of removed files to new ones.
func (l *Limited) known(s *stored, name, id string) {
	if k := "name:" + name; l.active[k] == nil {
		l.active[k] = s
		s.names = append(s.names, k)
	}
	if s.id != id {
		l.forgetID(s)
		if id != "" {
			s.id = id
			l.active["id:"+id] = s
		}
	}
}

func (l *Limited) forgetID(s *stored) {
	if k := "id:" + s.id; s.id != "" && l.active[k] == s {
		delete(l.active, k)
	}
	s.id = ""
}

// set counts what the FS has now of a file in place of what was counted.
func (l *Limited) set(s *stored, now count) {
	l.adjust(now.minus(s.count), count{})
	s.count = now
}

// busy refuses to remove or rename what is being uploaded: it could not be found
// any more where it is counted.
func (l *Limited) busy(op, name, id string) error {
	for u := range l.uploads {
		if below(u.name, name) || id != "" && u.file.id == id {
			return fail(op, name, &Error{Code: 450, Text: "An upload is in progress.", Err: fs.ErrPermission})
		}
	}
	return nil
}

// Mkdir creates a directory. Directories don't count.
func (l *Limited) Mkdir(ctx context.Context, name string) error { return l.fsys.Mkdir(ctx, name) }

// RemoveDir removes an empty directory.
func (l *Limited) RemoveDir(ctx context.Context, name string) error {
	return l.fsys.RemoveDir(ctx, name)
}

// Remove removes a file and gives back its size.
func (l *Limited) Remove(ctx context.Context, name string) error {
	return l.remove(ctx, name, func() error { return l.fsys.Remove(ctx, name) })
}

// RemoveSame removes a file if it is still the one that was described, and gives
// back its size.
func (l *Limited) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	return l.remove(ctx, name, func() error { return RemoveSame(ctx, l.fsys, name, info) })
}

func (l *Limited) remove(ctx context.Context, name string, remove func() error) error {
	if err := enter(ctx, "remove", name); err != nil {
		return err
	}
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	was, id, err := l.look(ctx, name, true)
	if err := first(err, l.busy("remove", name, id)); err != nil {
		return err
	}
	if err := remove(); err != nil {
		return err
	}
	l.adjust(count{}.minus(was), count{})
	return nil
}

// Rename moves a file or directory and gives back the size of a file it
// replaces.
func (l *Limited) Rename(ctx context.Context, from, to string) error {
	if err := enter(ctx, "rename", from); err != nil {
		return err
	}
	if err := renames(from, to); err != nil {
		return err
	}
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	moved, movedID, err1 := l.look(ctx, from, true)
	was, id, err2 := l.look(ctx, to, true)
	if err := first(err1, err2, l.busy("rename", from, movedID), l.busy("rename", to, id)); err != nil {
		return err
	}
	if err := l.fsys.Rename(ctx, from, to); err != nil {
		return err
	}
	// Renaming a file to another name of itself replaces nothing.
	if same := from == to || id != "" && id == movedID && moved == was; !same {
		l.adjust(count{}.minus(was), count{})
	}
	return nil
}

// Symlink is refused: see Limited.
func (l *Limited) Symlink(_ context.Context, _, name string) error {
	return fail("symlink", name, errors.ErrUnsupported)
}
