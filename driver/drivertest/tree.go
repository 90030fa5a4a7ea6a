package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sallyport/sallyport/driver"
)

// treeChecks call Commit in a tree that has changed since Store.
var treeChecks = []check{
	{"exclusive-commit", "Of two uploads with Exclusive that were begun while the name was free, the second Commit is fs.ErrExist and the first file stays.", exclusiveCommit},
	{"commit-on-directory", "Commit to a name that has become a directory since Store is ErrIsDir or fs.ErrExist, and the directory stays.", commitOnDirectory},
	{"commit-without-parent", "Commit below a directory that was removed since Store is fs.ErrNotExist, unless the directory is there again.", commitWithoutParent},
}

func exclusiveCommit(ctx context.Context, f *probe) error {
	opts := driver.StoreOptions{Exclusive: true}
	u1, err := f.begin(ctx, f.at("a"), "first", opts)
	if err != nil {
		return err
	}
	defer u1.Close(errCut)
	u2, err := f.begin(ctx, f.at("a"), "second", opts)
	if err != nil {
		return err
	}
	defer u2.Close(errCut)
	if err := errors.Join(u1.Commit(), u1.Close(nil)); err != nil {
		return err
	}
	err = u2.Commit()
	if err := errors.Join(wantError("the second Commit", err, fs.ErrExist), u2.Close(err)); err != nil {
		return err
	}
	return f.holds(ctx, "a", "first")
}

func commitOnDirectory(ctx context.Context, f *probe) error {
	for i, opts := range append(f.options(driver.StoreOptions{Append: true}), driver.StoreOptions{Exclusive: true}) {
		name := fmt.Sprint("a", i)
		u, err := f.begin(ctx, f.at(name), "data", opts)
		if err != nil {
			return err
		}
		if err := f.Mkdir(ctx, f.at(name)); err != nil {
			return errors.Join(err, u.Close(err))
		}
		err = u.Commit()
		if err := errors.Join(wantRefusal(err, opts, driver.ErrIsDir, fs.ErrExist), u.Close(errCut), f.holdsOnly(ctx, name+"/"), f.RemoveDir(ctx, f.at(name))); err != nil {
			return fmt.Errorf("%+v: %w", opts, err)
		}
	}
	return nil
}

func commitWithoutParent(ctx context.Context, f *probe) error {
	for _, opts := range append(f.options(driver.StoreOptions{Append: true}), driver.StoreOptions{Exclusive: true}) {
		if err := f.commitBelowRemoved(ctx, opts); err != nil {
			return fmt.Errorf("%+v: %w", opts, err)
		}
	}
	return nil
}

// commitBelowRemoved removes the directory of an upload before Commit. An FS may
// refuse to remove the directory, since the upload is in it.
func (f *probe) commitBelowRemoved(ctx context.Context, opts driver.StoreOptions) error {
	if err := f.Mkdir(ctx, f.at("d")); err != nil {
		return err
	}
	u, err := f.begin(ctx, f.at("d/a"), "data", opts)
	if err != nil {
		return err
	}
	defer u.Close(errCut)
	removed := f.RemoveDir(ctx, f.at("d"))
	if removed != nil && !spares(removed) && !errors.Is(removed, driver.ErrNotEmpty) {
		return removed
	}
	err = u.Commit()
	if err == nil {
		return errors.Join(f.same(ctx, f.at("d/a"), []byte("data")), f.holdsOnly(ctx, "d/"), u.Close(nil),
			f.Remove(ctx, f.at("d/a")), f.RemoveDir(ctx, f.at("d")))
	}
	if removed != nil {
		return fmt.Errorf("RemoveDir refused with %q, but Commit failed as well: %w", removed, err)
	}
	return errors.Join(wantRefusal(err, opts, fs.ErrNotExist), u.Close(err), f.holds(ctx, "", ""))
}

// wantRefusal wants one of some errors from Commit. An upload that appends may also
// say that the file to which it adds has changed.
func wantRefusal(err error, opts driver.StoreOptions, want ...error) error {
	if opts.Append {
		want = append(want, driver.ErrChanged)
	}
	for _, w := range want {
		if errors.Is(err, w) {
			return nil
		}
	}
	return wantError("Commit", err, want[0])
}

// holdsOnly checks that the directory of the cases has one entry of this name.
func (f *probe) holdsOnly(ctx context.Context, want string) error {
	got, err := f.list(ctx, f.at("."))
	if err == nil && (len(got) != 1 || got[0] != want) {
		err = fmt.Errorf("the listing shows %q, want %s", got, want)
	}
	return err
}
