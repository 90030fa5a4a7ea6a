package driver

import (
	"context"
	"errors"
	"io/fs"
	"path"
)

func (r *restricted) Store(ctx context.Context, name string, opts StoreOptions) (Upload, error) {
	unlock, err := r.alone(ctx, name)
	if err != nil {
		return nil, fail("store", name, err)
	}
	defer unlock()
	opts, err = r.askStore(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	up, err := r.fsys.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	return r.begin(ctx, name, opts, up), nil
}

func (r *restricted) CheckStore(ctx context.Context, name string, opts StoreOptions) error {
	opts, err := r.askStore(ctx, name, opts)
	if err != nil {
		return err
	}
	return CheckStore(ctx, r.fsys, name, opts)
}

// askStore asks about an upload. An upload that may replace nothing is made
// Exclusive, so that it doesn't replace a file either that another commits
// meanwhile.
func (r *restricted) askStore(ctx context.Context, name string, opts StoreOptions) (StoreOptions, error) {
	if err := r.ask(ctx, OpStore, name); err != nil {
		return opts, err
	}
	refusal := r.ask(ctx, OpReplace, name)
	if refusal == nil {
		return opts, nil
	}
	switch _, err := r.fsys.Stat(ctx, name); {
	case err == nil:
		return opts, refusal
	case !errors.Is(err, fs.ErrNotExist):
		return opts, err
	}
	opts.Append, opts.Exclusive = false, true // to append to nothing is to create
	return opts, nil
}

// askReplace asks about replacing the file that has a name, before another file
// is given the name. For a free name and for a directory it asks nothing.
func (r *restricted) askReplace(ctx context.Context, name string) error {
	refusal := r.ask(ctx, OpReplace, name)
	if refusal == nil {
		return nil
	}
	switch fi, err := r.fsys.Stat(ctx, name); {
	case errors.Is(err, fs.ErrNotExist), err == nil && fi.IsDir(): // Rename says what is wrong with a directory
		return nil
	case err != nil:
		return err
	}
	return refusal
}

func (r *restricted) Mkdir(ctx context.Context, name string) error {
	if err := r.ask(ctx, OpMkdir, name); err != nil {
		return err
	}
	return r.fsys.Mkdir(ctx, name)
}

func (r *restricted) Remove(ctx context.Context, name string) error {
	if err := r.ask(ctx, OpRemove, name); err != nil {
		return err
	}
	return r.fsys.Remove(ctx, name)
}

func (r *restricted) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	if err := r.ask(ctx, OpRemove, name); err != nil {
		return err
	}
	return RemoveSame(ctx, r.fsys, name, info)
}

func (r *restricted) RemoveDir(ctx context.Context, name string) error {
	if err := r.ask(ctx, OpRemoveDir, name); err != nil {
		return err
	}
	return r.fsys.RemoveDir(ctx, name)
}

func (r *restricted) Rename(ctx context.Context, from, to string) error {
	if err := first(renames(from, to), r.askMove(ctx, from, to)); err != nil {
		return err
	}
	if from == to {
		return r.fsys.Rename(ctx, from, to)
	}
	unlock, err := r.alone(ctx, from, to)
	if err != nil {
		return fail("rename", from, err)
	}
	defer unlock()
	err = r.askReplace(ctx, to)
	if err == nil {
		err = r.askBelow(ctx, from, to)
	}
	if err != nil {
		return err
	}
	err = r.fsys.Rename(ctx, from, to)
	if err == nil {
		r.moved(from, to)
	}
	return err
}

// askBelow asks about everything that the renaming of a directory takes along.
func (r *restricted) askBelow(ctx context.Context, from, to string) error {
	switch fi, err := r.fsys.Stat(ctx, from); {
	case errors.Is(err, fs.ErrNotExist): // also a link that leads nowhere
	case err != nil:
		return err
	case fi.IsDir() && !r.isLink(ctx, from):
		return first(r.askMoveBelow(ctx, from, to), r.askUploadsBelow(ctx, from, to))
	}
	return nil
}

// askMove asks about both names of what is renamed.
func (r *restricted) askMove(ctx context.Context, from, to string) error {
	return first(r.ask(ctx, OpRename, from), r.ask(ctx, OpRenameTo, to))
}

// isLink reports whether a name is a symbolic link, which moves alone.
func (r *restricted) isLink(ctx context.Context, name string) bool {
	_, err := ReadLink(ctx, r.fsys, name)
	return err == nil
}

// askMoveBelow asks about the names of all that a directory takes along.
// SECURITY: a rule about a name below a directory would be evaded by renaming the
// directory.
func (r *restricted) askMoveBelow(ctx context.Context, from, to string) error {
	for dirs := []string{"."}; len(dirs) > 0; {
		dir := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		for fi, err := range r.fsys.List(ctx, path.Join(from, dir)) {
			if errors.Is(err, fs.ErrNotExist) {
				break // removed meanwhile
			}
			if err != nil {
				return err
			}
			name := path.Join(dir, fi.Name())
			if err := r.askMove(ctx, path.Join(from, name), path.Join(to, name)); err != nil {
				return err
			}
			if fi.IsDir() {
				dirs = append(dirs, name)
			}
		}
	}
	return nil
}

func (r *restricted) SetTimes(ctx context.Context, name string, t Times) error {
	if err := r.ask(ctx, OpSetTimes, name); err != nil {
		return err
	}
	return SetTimes(ctx, r.fsys, name, t)
}

func (r *restricted) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	if err := r.ask(ctx, OpSetMode, name); err != nil {
		return err
	}
	return SetMode(ctx, r.fsys, name, mode)
}

func (r *restricted) SetGroup(ctx context.Context, name, group string) error {
	if err := r.ask(ctx, OpSetGroup, name); err != nil {
		return err
	}
	return SetGroup(ctx, r.fsys, name, group)
}

func (r *restricted) Symlink(ctx context.Context, target, name string) error {
	if err := first(r.ask(ctx, OpSymlink, name), r.ask(ctx, OpSymlinkTo, target)); err != nil {
		return err
	}
	return Symlink(ctx, r.fsys, target, name)
}
