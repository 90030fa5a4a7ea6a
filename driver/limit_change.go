package driver

import (
	"context"
	"errors"
	"io/fs"
)

// stored is the count of a file that is being uploaded, without the bytes that uploads
// in place have written. Those bytes are in the file, and count as reserved by the
// uploads until they end. Its fields are guarded by the lock of the Limited.
type stored struct {
	count
	uploads int
	several bool   // there was more than one upload at a time
	name    string // the first of names
	names   []string
	id      string

	asking     chan struct{} // full while somebody asks the FS for the size
	committing chan struct{} // full while an upload that isn't in place commits
}

// sizeOf returns size and ID of the file that the FS has under a name; nothing for a
// directory, and for a name that is free or may not be seen. With link a symbolic
// link counts as nothing, for operations that don't follow links. Any other error of
// the FS is returned.
func (l *Limited) sizeOf(ctx context.Context, name string, link bool) (c count, id string, err error) {
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

// find returns the count of a file that is being uploaded, nil for any other file. One
// file may have several names (links, and upper and lower case on some systems), so a
// file with the same ID is the same file. The ID is compared again with that of the file
// under its known name: a commit may have replaced that file a moment ago, and the
// system may have given the ID to another.
func (l *Limited) find(ctx context.Context, name, id string) *stored {
	l.mu.Lock()
	s, alias := l.active["name:"+name], l.active["id:"+id]
	l.unlock()
	switch {
	case s != nil:
		return s
	case id == "" || alias == nil:
		return nil
	}
	if _, now, err := l.sizeOf(ctx, alias.name, false); err == nil && now != id {
		return nil
	}
	return alias
}

// known enters a file for find, and drops an ID that the file no longer has: systems
// give the numbers of removed files to new ones. mu is held.
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

// refresh counts a file as the FS shows it now, and at the same moment gives back what
// the upload ended, if not nil, has reserved. If the name is free the file counts as
// committed says: somebody may have renamed a directory above under another name of that
// directory. Calls for one file wait for one another, so that the last to ask is the
// last to count.
func (l *Limited) refresh(ctx context.Context, s *stored, name string, committed count, ended *limitUpload) (now count, err error) {
	select {
	case s.asking <- struct{}{}:
	case <-ctx.Done():
		return count{}, ctx.Err()
	}
	defer func() { <-s.asking }() // the FS may panic
	least := l.written(s, ended)
	now, id, err := l.sizeOf(ctx, name, false)
	if err != nil {
		return count{}, err
	}
	l.mu.Lock()
	defer l.unlock()
	if now.files == 0 && committed.files > 0 {
		now, id = committed, s.id
	}
	l.known(s, name, id)
	if ended != nil {
		ended.giveBack()
	}
	l.see(s, now, least)
	return now, nil
}

// reservedFor returns how many bytes are reserved by those uploads to a file for which
// the function which returns true. mu is held.
func (l *Limited) reservedFor(s *stored, which func(*limitUpload) bool) (n int64) {
	for u := range l.uploads {
		if u.file == s && which(u) {
			n += u.reserved.bytes
		}
	}
	return n
}

// written returns how many bytes of uploads in place, not counting the upload but, are
// in a file for certain.
func (l *Limited) written(s *stored, but *limitUpload) (n int64) {
	l.mu.Lock()
	defer l.unlock()
	for u := range l.uploads {
		if u.file == s && u.there && u != but {
			n += u.written
		}
	}
	return n
}

// see counts a file as the FS showed it. A part of its size is counted already, as
// reserved by uploads in place: at least as many bytes as least says, and at most all
// that these uploads have reserved, since they went on writing while the FS was asked.
// Within these bounds the file counts as before. mu is held.
func (l *Limited) see(s *stored, now count, least int64) {
	own, most := s.bytes, int64(0)
	for u := range l.uploads {
		if u.file != s || u.given {
			continue
		}
		if now.files > 0 { // u needs to make no file any more
			l.reserved.files -= u.reserved.files
			u.reserved.files = 0
		}
		u.there = u.there || u.showsIn(now.bytes)
		if !u.there {
			continue
		}
		most += u.reserved.bytes
		if !u.opts.Append && now.bytes != own { // u has cut the file off
			own = min(own, u.kept)
		}
	}
	own = min(max(own, now.bytes-most), now.bytes-least)
	l.set(s, count{max(own, 0), now.files})
}

// showsIn reports whether a file that has grown to a size during this append alone shows
// that an FS of another package writes in place. mu is held.
func (u *limitUpload) showsIn(size int64) bool {
	return u.opts.Append && !u.file.several && size > u.kept && size <= u.kept+u.reserved.bytes
}

// set counts a file anew. mu is held.
func (l *Limited) set(s *stored, now count) {
	l.count(now.minus(s.count))
	s.count = now
}

// busy returns an error if the file name, or a file below the directory name, is being
// uploaded: once removed or renamed, the file could not be found under the name that it
// is counted by.
func (l *Limited) busy(ctx context.Context, op, name, id string) error {
	busy := l.find(ctx, name, id) != nil
	l.mu.Lock()
	for u := range l.uploads {
		busy = busy || below(u.name, name) || below(u.real(), name)
	}
	l.unlock()
	if !busy && !l.elsewhere(name) {
		return nil
	}
	return uploadInProgress(op, name)
}

func uploadInProgress(op, name string) error {
	return fail(op, name, &Error{Code: 450, Text: "An upload is in progress.", Err: fs.ErrPermission})
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
	locked, unlock, err := l.lockFiles(ctx, false, name)
	if err != nil {
		return fail("remove", name, err)
	}
	defer unlock()
	was, id, err := l.sizeOf(ctx, name, true)
	if err := first(err, l.busy(ctx, "remove", locked[0], id)); err != nil {
		return err
	}
	if err := remove(); err != nil {
		return err
	}
	l.adjust(count{}.minus(was))
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
	locked, unlock, err := l.lockFiles(ctx, false, from, to)
	if err != nil {
		return fail("rename", from, err)
	}
	defer unlock()
	moved, movedID, err1 := l.sizeOf(ctx, from, true)
	was, id, err2 := l.sizeOf(ctx, to, true)
	if err := first(err1, err2, l.busy(ctx, "rename", locked[0], movedID), l.busy(ctx, "rename", locked[1], id)); err != nil {
		return err
	}
	if err := l.fsys.Rename(ctx, from, to); err != nil {
		return err
	}
	// Renaming a file to another name of itself replaces nothing.
	if same := locked[0] == locked[1] || id != "" && id == movedID && moved == was; !same {
		l.adjust(count{}.minus(was))
	}
	return nil
}

// Symlink is refused: see Limited.
func (l *Limited) Symlink(_ context.Context, _, name string) error {
	return fail("symlink", name, errors.ErrUnsupported)
}
