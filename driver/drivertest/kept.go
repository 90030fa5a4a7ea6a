package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/driver"
)

var keptCheck = check{"kept", "An upload that adds says what it keeps (KeptReader), and Commit adds to nothing else.", kept}

// kept reads what KeptReaders keep, once with the file as it was and once with
// another in its place before Commit.
func kept(ctx context.Context, f *probe) error {
	for _, opts := range f.options(driver.StoreOptions{Append: true}, driver.StoreOptions{Offset: 3})[1:] {
		for _, changed := range []bool{false, true} {
			if err := f.keeps(ctx, opts, changed); err != nil {
				return fmt.Errorf("%+v, replaced meanwhile %v: %w", opts, changed, err)
			}
		}
	}
	return nil
}

// keeps adds "new" to "old".
func (f *probe) keeps(ctx context.Context, opts driver.StoreOptions, changed bool) error {
	name := f.at("a")
	if err := f.store(ctx, name, "old", driver.StoreOptions{}, false); err != nil {
		return err
	}
	u, err := f.begin(ctx, name, "new", opts)
	if err != nil {
		return err
	}
	err, want := readKept(u), "oldnew"
	if err == nil && changed {
		want = "OLD"
		err = f.store(ctx, name, want, driver.StoreOptions{}, false)
	}
	if err == nil {
		err = u.Commit()
		if changed && !errors.Is(err, driver.ErrChanged) {
			err = fmt.Errorf("Commit after Keep: %v, want ErrChanged", err)
		} else if changed {
			err = nil
		}
	}
	if err := errors.Join(err, u.Close(errCut)); err != nil {
		return err
	}
	return f.holds(ctx, "a", want)
}

// readKept checks that an upload keeps the bytes "old".
func readKept(u driver.Upload) error {
	k := keptReader(u)
	if k == nil {
		return &absentError{"saying what an upload keeps"}
	}
	n, err := k.Keep()
	if err == nil && n != 3 {
		err = fmt.Errorf("an upload keeps %d bytes of its file, want 3", n)
	}
	for i := 0; i < 2 && err == nil; i++ {
		err = readOld(k)
	}
	return err
}

// readOld opens the kept bytes and checks them, once.
func readOld(k driver.KeptReader) error {
	r, err := k.OpenKept()
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(r, 3))
	if err == nil && string(data) != "old" {
		err = fmt.Errorf("OpenKept: %q is read, want %q", data, "old")
	}
	return errors.Join(err, r.Close())
}

// keptReader finds the ability where driver.Inspect does: on the StagedReader.
func keptReader(u driver.Upload) driver.KeptReader {
	for {
		if s, ok := u.(driver.StagedReader); ok {
			k, _ := s.(driver.KeptReader)
			return k
		}
		w, ok := u.(interface{ Unwrap() driver.Upload })
		if !ok {
			return nil
		}
		u = w.Unwrap()
	}
}
