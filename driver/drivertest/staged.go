package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/driver"
)

var stagedCheck = check{"staged", "What was written can be read before Commit, before and after Prepare, and nobody sees it.", staged}

// staged reads uploads that are StagedReaders before they are committed.
func staged(ctx context.Context, f *probe) error {
	name := f.at("a")
	for _, opts := range f.options(driver.StoreOptions{Append: true}, driver.StoreOptions{Offset: 2}) {
		if err := f.store(ctx, name, "old content", driver.StoreOptions{}, false); err != nil {
			return err
		}
		u, err := f.begin(ctx, name, "something ", opts)
		if err != nil {
			return err
		}
		err = f.stages(ctx, u)
		if err == nil {
			err = u.Commit()
		}
		if err := errors.Join(err, u.Close(errCut)); err != nil {
			return fmt.Errorf("%+v: %w", opts, err)
		}
		want := map[bool]string{true: "old content", false: "ol"[:opts.Offset]}[opts.Append] + "something new"
		if err := f.holds(ctx, "a", want); err != nil {
			return fmt.Errorf("%+v: after Commit: %w", opts, err)
		}
	}
	return nil
}

// stages checks the sentence of stagedCheck for an upload to which "something "
// was written and whose file holds "old content".
func (f *probe) stages(ctx context.Context, u driver.Upload) error {
	if _, err := io.WriteString(u, "new"); err != nil {
		return err
	}
	for _, when := range []string{"at first", "again", "after Prepare"} {
		if when == "after Prepare" {
			if err := driver.Prepare(u); err != nil {
				return err
			}
		}
		r, err := driver.OpenStaged(u)
		if err != nil {
			return ability("reading an upload before it is committed", err)
		}
		data, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
		if string(data) != "something new" {
			return fmt.Errorf("%s %q is read, want %q", when, data, "something new")
		}
		if err := f.holds(ctx, "a", "old content"); err != nil {
			return fmt.Errorf("before Commit: %w", err)
		}
	}
	return nil
}
