package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/sallyport/sallyport/driver"
)

var readOnlyChecks = []check{
	{"tree", "A read-only FS shows the files of Tree.", showsTree},
	{"read-errors", "A read-only FS tells what is missing, a directory or an offset too far.", readErrors},
	{"refuses", "A read-only FS refuses every change with fs.ErrPermission.", refuses},
	{"write-bits", "A read-only FS shows no write permission.", writeBits},
	{"together", "Several goroutines may use the FS at once.", func(ctx context.Context, f *probe) error {
		return each(8, func(int) error { return showsTree(ctx, f) })
	}},
}

func showsTree(ctx context.Context, f *probe) error {
	for name, want := range Tree() {
		if err := f.same(ctx, name, []byte(want)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if got, err := f.stat(ctx, name); err != nil || got[0] != fmt.Sprint(len(want)) {
			return fmt.Errorf("%s: Stat says %q, %v", name, got, err)
		}
	}
	for dir, want := range map[string][]string{
		".":       {"dir/", "empty", "hello.txt"},
		"dir":     {"one", "sub/", "two words"},
		"dir/sub": {"öäü \"q\""},
	} {
		got, err := f.list(ctx, dir)
		if err != nil {
			return err
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s holds %q, want %q", dir, got, want)
		}
		for range f.List(ctx, dir) {
			break
		}
	}
	return nil
}

func readErrors(ctx context.Context, f *probe) error {
	read := func(name string, at int64) error {
		_, err := f.read(ctx, name, at)
		return err
	}
	_, errStat := f.Stat(ctx, "missing")
	_, errList := f.list(ctx, "missing")
	_, errFile := f.list(ctx, "hello.txt")
	return errors.Join(
		wantError("Stat of a missing file", errStat, fs.ErrNotExist),
		wantError("List of a missing directory", errList, fs.ErrNotExist),
		wantError("List of a file", errFile, driver.ErrNotDir),
		wantError("Open of a missing file", read("missing", 0), fs.ErrNotExist),
		wantError("Open of a directory", read("dir", 0), driver.ErrIsDir),
		wantError("Open of the root", read(".", 0), driver.ErrIsDir),
		wantError("Open beyond the end", read("hello.txt", 14), driver.ErrOffset),
		wantError("Open far beyond the end", read("empty", 1<<62), driver.ErrOffset),
		wantError("Open at a negative offset", read("hello.txt", -1), fs.ErrInvalid),
	)
}

func refuses(ctx context.Context, f *probe) error {
	denied := func(what string, err error) error { return wantError(what, err, fs.ErrPermission) }
	able := func(what string, err error) error {
		return wantError(what, err, fs.ErrPermission, errors.ErrUnsupported)
	}
	err := errors.Join(
		denied("Store", f.store(ctx, "new", "x", driver.StoreOptions{}, false)),
		denied("Store over a file", f.store(ctx, "hello.txt", "x", driver.StoreOptions{}, false)),
		denied("Store appending", f.store(ctx, "hello.txt", "x", driver.StoreOptions{Append: true}, false)),
		f.deniesAhead(ctx),
		denied("Mkdir", f.Mkdir(ctx, "newdir")),
		denied("Remove", f.Remove(ctx, "hello.txt")),
		denied("RemoveDir", f.RemoveDir(ctx, "dir")),
		denied("Rename", f.Rename(ctx, "hello.txt", "other")),
		able("SetTimes", driver.SetTimes(ctx, f.FS, "hello.txt", driver.Times{Modify: time.Unix(1e9, 0)})),
		able("SetMode", driver.SetMode(ctx, f.FS, "hello.txt", 0o600)),
		able("SetGroup", driver.SetGroup(ctx, f.FS, "hello.txt", "0")),
		able("Symlink", driver.Symlink(ctx, f.FS, "hello.txt", "link")),
	)
	if err != nil {
		return err
	}
	return showsTree(ctx, f)
}

// deniesAhead wants CheckStore, of an FS that has it, to refuse an upload as
// Store does.
func (f *probe) deniesAhead(ctx context.Context) error {
	if f.checks(ctx) != nil {
		return nil
	}
	return wantError("CheckStore", driver.CheckStore(ctx, f.FS, "new", driver.StoreOptions{}), fs.ErrPermission)
}

func writeBits(ctx context.Context, f *probe) error {
	for _, dir := range []string{".", "dir"} {
		for fi, err := range f.List(ctx, dir) {
			if err == nil && fi.Mode()&0o222 != 0 {
				err = fmt.Errorf("%s in %s has %v", fi.Name(), dir, fi.Mode())
			}
			if err != nil {
				return err
			}
		}
	}
	fi, err := f.Stat(ctx, "hello.txt")
	if err == nil && fi.Mode()&0o222 != 0 {
		err = fmt.Errorf("hello.txt has %v", fi.Mode())
	}
	return err
}
