package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/driver"
)

var atomicChecks = []check{
	{"invisible", "Nothing of an upload is visible before Commit.", invisible},
	{"prepare", "Prepare of an upload, if it has it, shows nothing; Commit after it shows all, and Close alone leaves nothing.", prepare},
	{"cut-new", "A cut upload of a new file leaves nothing.", cutNew},
	{"cut-replace", "A cut upload leaves the old file whole, with Append and Offset too.", cutReplace},
	{"reader-keeps", "A reader goes on reading what it opened when the file is replaced or removed.", readerKeeps},
	{"last-wins", "Of two uploads to one name that replace the file the last to commit wins, whole.", lastWins},
}

var inPlaceChecks = []check{
	{"cut-resume", "A cut upload that is resumed from the size of the file makes it whole.", cutResume},
}

// begin starts an upload and writes data to it.
func (f *probe) begin(ctx context.Context, name, data string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := f.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(u, data); err != nil {
		return nil, errors.Join(err, u.Close(err))
	}
	return u, nil
}

// holds checks that the directory has one file with this content, or none.
func (f *probe) holds(ctx context.Context, name, want string) error {
	got, err := f.list(ctx, f.at("."))
	if err != nil {
		return err
	}
	if name == "" {
		name = "nothing"
	}
	if len(got) != 1 || got[0] != name {
		return fmt.Errorf("the listing shows %q, want %s", got, name)
	}
	if name == "nothing" {
		return nil
	}
	return f.same(ctx, f.at(name), []byte(want))
}

func invisible(ctx context.Context, f *probe) error {
	u, err := f.begin(ctx, f.at("a"), "new", driver.StoreOptions{})
	if err != nil {
		return err
	}
	defer u.Close(errCut)
	if err := f.holds(ctx, "", ""); err != nil {
		return fmt.Errorf("before Commit of a new file: %w", err)
	}
	if _, err := f.Stat(ctx, f.at("a")); err == nil {
		return errors.New("too early: Stat finds the file before Commit")
	}
	if err := u.Commit(); err != nil {
		return err
	}
	if err := f.holds(ctx, "a", "new"); err != nil {
		return err
	}
	for _, opts := range f.options(driver.StoreOptions{Append: true}, driver.StoreOptions{Offset: 1}) {
		u, err := f.begin(ctx, f.at("a"), "newer", opts)
		if err != nil {
			return err
		}
		if err := f.holds(ctx, "a", "new"); err != nil {
			return errors.Join(fmt.Errorf("before Commit of %+v: %w", opts, err), u.Close(errCut))
		}
		if err := u.Close(errCut); err != nil {
			return err
		}
	}
	return nil
}

func prepare(ctx context.Context, f *probe) error {
	for _, name := range []string{"", "a"} { // first cut, then committed
		u, err := f.begin(ctx, f.at("a"), "new", driver.StoreOptions{})
		if err != nil {
			return err
		}
		if err := driver.Prepare(u); err != nil {
			return errors.Join(err, u.Close(err))
		}
		if err := f.holds(ctx, "", ""); err != nil {
			return errors.Join(fmt.Errorf("after Prepare: %w", err), u.Close(errCut))
		}
		if name != "" {
			if err := u.Commit(); err != nil {
				return errors.Join(err, u.Close(err))
			}
		}
		if err := u.Close(errCut); err != nil {
			return err
		}
		if err := f.holds(ctx, name, "new"); err != nil {
			return err
		}
	}
	return nil
}

func cutNew(ctx context.Context, f *probe) error {
	for _, opts := range append(f.options(driver.StoreOptions{Append: true}), driver.StoreOptions{Exclusive: true}) {
		for _, data := range []string{"", "new"} {
			if err := f.store(ctx, f.at("a"), data, opts, true); err != nil {
				return err
			}
			if err := f.holds(ctx, "", ""); err != nil {
				return fmt.Errorf("%+v: %w", opts, err)
			}
		}
	}
	return nil
}

func cutReplace(ctx context.Context, f *probe) error {
	if err := f.store(ctx, f.at("a"), "old file", driver.StoreOptions{}, false); err != nil {
		return err
	}
	for _, opts := range f.options(driver.StoreOptions{Append: true}, driver.StoreOptions{Offset: 3}, driver.StoreOptions{Offset: 8}) {
		for _, data := range []string{"", "x", "much more than there was"} {
			if err := f.store(ctx, f.at("a"), data, opts, true); err != nil {
				return err
			}
			if err := f.holds(ctx, "a", "old file"); err != nil {
				return fmt.Errorf("%+v, cut after %q: %w", opts, data, err)
			}
		}
	}
	return nil
}

func readerKeeps(ctx context.Context, f *probe) error {
	old := string(noise(300_000, 3))
	for _, change := range []func() error{
		func() error { return f.store(ctx, f.at("a"), "new", driver.StoreOptions{}, false) },
		func() error { return f.Remove(ctx, f.at("a")) },
		func() error {
			return errors.Join(f.store(ctx, f.at("b"), "new", driver.StoreOptions{}, false),
				f.Rename(ctx, f.at("b"), f.at("a")))
		},
	} {
		if err := f.store(ctx, f.at("a"), old, driver.StoreOptions{}, false); err != nil {
			return err
		}
		r, err := f.Open(ctx, f.at("a"), 0)
		if err != nil {
			return err
		}
		var head [10]byte
		_, err = io.ReadFull(r, head[:])
		err = errors.Join(err, change())
		rest, err2 := io.ReadAll(r)
		if err := errors.Join(err, err2, r.Close()); err != nil {
			return err
		}
		if string(head[:])+string(rest) != old {
			return fmt.Errorf("the reader got %d other bytes, want the %d it opened", len(head)+len(rest), len(old))
		}
	}
	return nil
}

func lastWins(ctx context.Context, f *probe) error {
	u1, err := f.begin(ctx, f.at("a"), "first, and longer", driver.StoreOptions{})
	if err != nil {
		return err
	}
	defer u1.Close(errCut)
	u2, err := f.begin(ctx, f.at("a"), "second", driver.StoreOptions{})
	if err != nil {
		return err
	}
	defer u2.Close(errCut)
	if err := u2.Commit(); err != nil {
		return err
	}
	if err := f.holds(ctx, "a", "second"); err != nil {
		return err
	}
	if err := u1.Commit(); err != nil {
		return err
	}
	return f.holds(ctx, "a", "first, and longer")
}

func cutResume(ctx context.Context, f *probe) error {
	if err := f.promises("offset"); err != nil {
		return err
	}
	want := noise(200_000, 4)
	for _, old := range []string{"", "an old file", string(noise(500_000, 5))} {
		name := f.at(fmt.Sprint("a", len(old)))
		if err := f.store(ctx, name, old, driver.StoreOptions{}, false); err != nil {
			return err
		}
		u, err := f.begin(ctx, name, string(want[:70_000]), driver.StoreOptions{})
		if err != nil {
			return err
		}
		if err := u.Close(errCut); err != nil {
			return err
		}
		fi, err := f.Stat(ctx, name)
		if err != nil {
			return err
		}
		if fi.Size() > 70_000 {
			return fmt.Errorf("size %d after 70000 bytes: a client would resume in the wrong place", fi.Size())
		}
		if err := f.put(ctx, name, want[fi.Size():], 1<<16, driver.StoreOptions{Offset: fi.Size()}); err != nil {
			return err
		}
		if err := f.same(ctx, name, want); err != nil {
			return err
		}
	}
	return nil
}
