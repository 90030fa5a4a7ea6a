package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sallyport/sallyport/driver"
)

var abilityChecks = []check{
	{"set-times", "SetTimes sets the time that Stat and List then tell; zero times stay.", setTimes},
	{"set-mode", "SetMode sets the permission bits that Stat then tells.", setMode},
	{"symlink", "A link leads to its target, counted from the root, and is removed alone.", symlink},
	{"space", "Space tells how much may be stored, never less than nothing.", space},
	{"remove-same", "RemoveSame removes the file that was described, and leaves any other with ErrChanged.", removeSame},
	{"ability-missing", "Abilities say fs.ErrNotExist of a file that is missing.", abilityMissing},
}

func setTimes(ctx context.Context, f *probe) error {
	name := f.at("a")
	if err := f.store(ctx, name, "x", driver.StoreOptions{}, false); err != nil {
		return err
	}
	// Even seconds, because FAT has no others.
	want := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	if err := driver.SetTimes(ctx, f.FS, name, driver.Times{Modify: want}); err != nil {
		return ability("setting times", err)
	}
	if err := driver.SetTimes(ctx, f.FS, name, driver.Times{}); err != nil {
		return err
	}
	fi, err := f.Stat(ctx, name)
	if err != nil {
		return err
	}
	if !fi.ModTime().Equal(want) {
		return fmt.Errorf("after it Stat tells %v, want %v", fi.ModTime(), want)
	}
	return f.same(ctx, name, []byte("x"))
}

func removeSame(ctx context.Context, f *probe) error {
	if _, ok := f.FS.(driver.SameRemover); !ok {
		return &absentError{"removing a file only if it is the same"}
	}
	name := f.at("a")
	if err := f.store(ctx, name, "old", driver.StoreOptions{}, false); err != nil {
		return err
	}
	old, err := f.Stat(ctx, name)
	if err != nil {
		return err
	}
	for _, data := range []string{"newer", "new"} {
		if err := f.store(ctx, name, data, driver.StoreOptions{}, false); err != nil {
			return err
		}
		err := driver.RemoveSame(ctx, f.FS, name, old)
		if err := wantError("RemoveSame of a file that was replaced", err, driver.ErrChanged); err != nil {
			return err
		}
		if err := f.holds(ctx, "a", data); err != nil {
			return err
		}
	}
	same, err := f.Stat(ctx, name)
	if err != nil {
		return err
	}
	if err := driver.RemoveSame(ctx, f.FS, name, same); err != nil {
		return err
	}
	if err := f.holds(ctx, "", ""); err != nil {
		return err
	}
	err = driver.RemoveSame(ctx, f.FS, name, same)
	return wantError("RemoveSame of nothing", err, fs.ErrNotExist)
}

func setMode(ctx context.Context, f *probe) error {
	name := f.at("a")
	if err := f.store(ctx, name, "x", driver.StoreOptions{}, false); err != nil {
		return err
	}
	for _, want := range []fs.FileMode{0o600, 0o640, 0o644 | fs.ModeSetuid} {
		if err := driver.SetMode(ctx, f.FS, name, want); err != nil {
			return ability("setting permissions", err)
		}
		fi, err := f.Stat(ctx, name)
		if err != nil {
			return err
		}
		if fi.Mode() != want.Perm() {
			return fmt.Errorf("after it Stat tells %v, want %v", fi.Mode(), want.Perm())
		}
	}
	return nil
}

func symlink(ctx context.Context, f *probe) error {
	target, name := f.at("target"), f.at("d/link")
	err := errors.Join(f.Mkdir(ctx, f.at("d")), f.store(ctx, target, "x", driver.StoreOptions{}, false))
	if err != nil {
		return err
	}
	if err := driver.Symlink(ctx, f.FS, target, name); err != nil {
		return ability("making links", err)
	}
	if err := f.same(ctx, name, []byte("x")); err != nil {
		return fmt.Errorf("through the link: %w", err)
	}
	if to, err := driver.ReadLink(ctx, f.FS, name); err == nil && to != "../target" {
		return fmt.Errorf("ReadLink says %q, want ../target", to)
	}
	for fi, err := range f.List(ctx, f.at("d")) {
		if err == nil && fi.Mode()&fs.ModeSymlink == 0 {
			err = fmt.Errorf("no link: List tells %v of the link", fi.Mode())
		}
		if err != nil {
			return err
		}
	}
	if err := driver.Symlink(ctx, f.FS, target, name); !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("a link over a link: %v, want fs.ErrExist", err)
	}
	if err := f.Remove(ctx, name); err != nil {
		return err
	}
	return f.same(ctx, target, []byte("x"))
}

func space(ctx context.Context, f *probe) error {
	n, err := driver.Space(ctx, f.FS, f.at("."))
	if err != nil {
		return ability("reporting free space", err)
	}
	if n < 0 {
		return fmt.Errorf("less than nothing: Space tells %d", n)
	}
	return nil
}

func abilityMissing(ctx context.Context, f *probe) error {
	name := f.at("missing")
	_, errLink := driver.ReadLink(ctx, f.FS, name)
	for what, err := range map[string]error{
		"SetTimes": driver.SetTimes(ctx, f.FS, name, driver.Times{Modify: time.Unix(1e9, 0)}),
		"SetMode":  driver.SetMode(ctx, f.FS, name, 0o600),
		"ReadLink": errLink,
	} {
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errors.ErrUnsupported) {
			return fmt.Errorf("%s: %v", what, err)
		}
	}
	got, err := f.list(ctx, f.at("."))
	if err == nil && got[0] != "nothing" {
		err = fmt.Errorf("there is now %q", got)
	}
	return err
}
