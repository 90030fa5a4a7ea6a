package drivertest

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/driver"
)

// Cases for an FS that writes files whole, such as an object store. Store must
// refuse what the FS can't do, before the client has sent its data.
var (
	noOffsetCheck = check{"no-offset",
		"Store with Append or an Offset is errors.ErrUnsupported and changes nothing.", refusesOffset}
	noDirRenameCheck = check{"no-directory-rename",
		"Rename of a directory is errors.ErrUnsupported and changes nothing.", refusesDirRename}
)

func refusesOffset(ctx context.Context, f *probe) error {
	if err := f.store(ctx, f.at("a"), "0123", driver.StoreOptions{}, false); err != nil {
		return err
	}
	for _, opts := range []driver.StoreOptions{{Append: true}, {Append: true, Offset: 4}, {Offset: 1}, {Offset: 4}} {
		if err := f.refusesStore(ctx, f.at("a"), opts); err != nil {
			return err
		}
		if err := f.holds(ctx, "a", "0123"); err != nil {
			return fmt.Errorf("after %+v: %w", opts, err)
		}
	}
	// For a free name there is nothing to keep, so Append may do what Store does.
	if err := f.Remove(ctx, f.at("a")); err != nil {
		return err
	}
	switch err := f.store(ctx, f.at("a"), "new", driver.StoreOptions{Append: true}, false); {
	case err == nil:
		return f.holds(ctx, "a", "new")
	case !errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("appending to a free name: %w", err)
	}
	return f.holds(ctx, "", "")
}

// refusesStore wants errors.ErrUnsupported from Store itself, and from CheckStore.
func (f *probe) refusesStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	if f.checks(ctx) == nil {
		err := wantError(fmt.Sprintf("CheckStore with %+v", opts), driver.CheckStore(ctx, f.FS, name, opts), errors.ErrUnsupported)
		if err != nil {
			return err
		}
	}
	u, err := f.Store(ctx, name, opts)
	if err == nil {
		return errors.Join(fmt.Errorf("promised not to: Store took %+v", opts), u.Close(errCut))
	}
	return wantError(fmt.Sprintf("Store with %+v", opts), err, errors.ErrUnsupported)
}

func refusesDirRename(ctx context.Context, f *probe) error {
	err := errors.Join(
		f.Mkdir(ctx, f.at("empty")),
		f.Mkdir(ctx, f.at("full")),
		f.store(ctx, f.at("full/a"), "x", driver.StoreOptions{}, false))
	if err != nil {
		return err
	}
	for _, dir := range []string{"empty", "full"} {
		err := wantError("Rename of "+dir, f.Rename(ctx, f.at(dir), f.at("new")), errors.ErrUnsupported)
		if err != nil {
			return err
		}
	}
	got, err := f.list(ctx, f.at("."))
	if err != nil {
		return err
	}
	if len(got) != 2 || got[0] != "empty/" || got[1] != "full/" {
		return fmt.Errorf("afterwards there is %q", got)
	}
	return f.same(ctx, f.at("full/a"), []byte("x"))
}
