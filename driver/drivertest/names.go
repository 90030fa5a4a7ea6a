package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sallyport/sallyport/driver"
)

var nameChecks = []check{
	{"invalid-names", "A name that doesn't obey driver.ValidName is an error in every method, never a panic.", invalidNames},
	{"root", "The root can't be removed, moved or replaced.", theRoot},
	{"root-name", "The Name of the root is \".\".", rootName},
	{"cancelled", "A method whose context has ended returns an error.", cancelled},
}

// invalid are names that no driver must accept.
var invalid = []string{
	"", "/", "/a", "a/", "a//b", "..", "../a", "a/..", "a/../b", "a/../../b", "./a", "a/.", "a/./b",
}

// notUTF8 are names that a driver may refuse unless it is a driver.RawNamer.
var notUTF8 = []string{"\xff", "a\xffb", "a/\xc0\xaf/b"}

// call is a method of the FS under test, with a name in each place that takes
// one.
type call struct {
	method string
	do     func(name string) error
}

// calls returns all methods that take a name.
func (f *probe) calls(ctx context.Context) []call {
	other := f.at("other")
	return []call{
		{"Stat", func(n string) error { _, err := f.Stat(ctx, n); return err }},
		{"List", func(n string) error { _, err := f.list(ctx, n); return err }},
		{"Open", func(n string) error { _, err := f.read(ctx, n, 0); return err }},
		{"Store", func(n string) error { return f.store(ctx, n, "x", driver.StoreOptions{}, false) }},
		{"CheckStore", func(n string) error {
			return first(f.checks(ctx), driver.CheckStore(ctx, f.FS, n, driver.StoreOptions{}))
		}},
		{"Mkdir", func(n string) error { return f.Mkdir(ctx, n) }},
		{"Remove", func(n string) error { return f.Remove(ctx, n) }},
		{"RemoveDir", func(n string) error { return f.RemoveDir(ctx, n) }},
		{"Rename from", func(n string) error { return f.Rename(ctx, n, other) }},
		{"Rename to", func(n string) error { return f.Rename(ctx, f.at("file"), n) }},
		{"SetTimes", func(n string) error { return driver.SetTimes(ctx, f.FS, n, driver.Times{}) }},
		{"SetMode", func(n string) error { return driver.SetMode(ctx, f.FS, n, 0o644) }},
		{"SetGroup", func(n string) error { return driver.SetGroup(ctx, f.FS, n, "0") }},
		{"Symlink name", func(n string) error { return driver.Symlink(ctx, f.FS, f.at("file"), n) }},
		{"Symlink target", func(n string) error { return driver.Symlink(ctx, f.FS, n, other) }},
		{"ReadLink", func(n string) error { _, err := driver.ReadLink(ctx, f.FS, n); return err }},
		{"Space", func(n string) error { _, err := driver.Space(ctx, f.FS, n); return err }},
	}
}

func invalidNames(ctx context.Context, f *probe) error {
	if !f.o.ReadOnly {
		if err := f.store(ctx, f.at("file"), "x", driver.StoreOptions{}, false); err != nil {
			return err
		}
	}
	var errs []error
	for _, name := range notUTF8 {
		for _, c := range f.calls(ctx) {
			_ = c.do(name) // without a panic
		}
	}
	for _, name := range invalid {
		for _, c := range f.calls(ctx) {
			if c.do(name) == nil {
				errs = append(errs, fmt.Errorf("%s took the name %q", c.method, name))
			}
		}
	}
	return errors.Join(errs...)
}

func theRoot(ctx context.Context, f *probe) error {
	file := f.at("file")
	if f.o.ReadOnly {
		file = "hello.txt"
	} else if err := f.store(ctx, file, "x", driver.StoreOptions{}, false); err != nil {
		return err
	}
	return errors.Join(
		wantError("RemoveDir of the root", f.RemoveDir(ctx, "."), fs.ErrPermission),
		wantError("Rename of the root", f.Rename(ctx, ".", f.at("other")), fs.ErrPermission),
		wantError("Rename to the root", f.Rename(ctx, file, "."), fs.ErrPermission),
		wantError("Remove of the root", f.Remove(ctx, "."), driver.ErrIsDir, fs.ErrPermission),
		wantError("Mkdir of the root", f.Mkdir(ctx, "."), fs.ErrExist, fs.ErrPermission),
		wantError("Store to the root", f.store(ctx, ".", "x", driver.StoreOptions{}, false), driver.ErrIsDir, fs.ErrPermission),
	)
}

func rootName(ctx context.Context, f *probe) error {
	got, err := f.stat(ctx, ".")
	if err != nil {
		return err
	}
	if got[0] != "dir" {
		return errors.New("the root is no directory")
	}
	return nil
}

// wantError checks an error against those that the contract allows.
func wantError(what string, err error, allowed ...error) error {
	if err == nil {
		return fmt.Errorf("%s: no error, want %v", what, allowed)
	}
	for _, a := range allowed {
		if errors.Is(err, a) {
			return nil
		}
	}
	return fmt.Errorf("%s: error %q, want %v", what, err, allowed)
}

func cancelled(ctx context.Context, f *probe) error {
	file, dir := f.at("file"), f.at("dir")
	if f.o.ReadOnly {
		file, dir = "hello.txt", "dir"
	} else {
		err := errors.Join(f.store(ctx, file, "x", driver.StoreOptions{}, false), f.Mkdir(ctx, dir))
		if err != nil {
			return err
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, errList := f.list(ended, dir)
	_, errOpen := f.read(ended, file, 0)
	_, errStat := f.Stat(ended, file)
	var errs []error
	for _, c := range []struct {
		method string
		err    error
	}{
		{"Stat", errStat}, {"List", errList}, {"Open", errOpen},
		{"Store", f.store(ended, f.at("new"), "x", driver.StoreOptions{}, false)},
		{"CheckStore", first(f.checks(ctx), driver.CheckStore(ended, f.FS, f.at("new"), driver.StoreOptions{}))},
		{"Mkdir", f.Mkdir(ended, f.at("newdir"))},
		{"Remove", f.Remove(ended, file)},
		{"RemoveDir", f.RemoveDir(ended, dir)},
		{"Rename", f.Rename(ended, file, f.at("renamed"))},
	} {
		if c.err == nil {
			errs = append(errs, fmt.Errorf("%s went on", c.method))
		}
	}
	return errors.Join(errs...)
}

// first returns the first error that is not nil.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
