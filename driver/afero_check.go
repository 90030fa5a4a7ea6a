package driver

import (
	"context"

	"github.com/spf13/afero"
)

// CheckStore returns the error that Store would return, as far as a look at the
// name and its directory shows it. It refuses every upload to an
// [afero.ReadOnlyFs].
func (a *aferoFS) CheckStore(ctx context.Context, name string, opts StoreOptions) error {
	p, err := a.begin(ctx, "store", name)
	if err != nil {
		return err
	}
	if _, ok := a.fs.(*afero.ReadOnlyFs); ok {
		return fail("store", name, errReadOnly)
	}
	unlock, err := a.holdName(ctx, p)
	if err != nil {
		return fail("store", name, err)
	}
	defer unlock()
	old, err := a.target(p)
	if err == nil {
		err = (&aferoUpload{a: a, name: name, opts: opts}).check(old)
	}
	if err == nil && !opts.Append {
		var size int64
		if old != nil {
			size = old.Size()
		}
		err = offsetWithin(opts.Offset, size)
	}
	return fail("store", name, err)
}

// WritesInPlace returns false: the old file counts until Commit.
func (a *aferoFS) WritesInPlace(string, StoreOptions) bool { return false }
