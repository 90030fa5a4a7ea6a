package driver_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func TestCheckStoreWithoutTheAbility(t *testing.T) {
	bare := struct{ driver.FS }{driver.Mem()}
	assert.NoError(t, driver.CheckStore(t.Context(), bare, "missing/a", driver.StoreOptions{}), "nothing is known")
}

// CheckStore refuses every upload to afero's own read-only file system.
func TestAferoReadOnlyChecksStore(t *testing.T) {
	m := afero.NewMemMapFs()
	require.NoError(t, afero.WriteFile(m, "/a", []byte("x"), 0o644))
	f := driver.Afero(afero.NewReadOnlyFs(m))
	for _, opts := range []driver.StoreOptions{{}, {Append: true}, {Offset: 1}, {Exclusive: true}} {
		for _, name := range []string{"a", "new"} {
			assert.ErrorIs(t, driver.CheckStore(t.Context(), f, name, opts), fs.ErrPermission, "%s %+v", name, opts)
		}
	}
}

// CheckStore refuses with ErrQuota exactly the uploads for which the quota has no
// room.
func TestLimitChecksStore(t *testing.T) {
	l := limit(t, driver.Mem(), driver.Quota{Bytes: 30, Files: 2, FileSize: 12})
	check := func(name string, opts driver.StoreOptions) error {
		return driver.CheckStore(t.Context(), l, name, opts)
	}
	write(t, l, "a", "0123456789")
	assert.NoError(t, check("b", driver.StoreOptions{}))
	assert.NoError(t, check("a", driver.StoreOptions{Append: true}))
	write(t, l, "b", "0123456")
	assert.ErrorIs(t, check("c", driver.StoreOptions{}), driver.ErrQuota, "no third file")
	assert.NoError(t, check("b", driver.StoreOptions{}), "the second may be replaced")

	u, v := begun(t, l, "a", strings.Repeat("x", 12), driver.StoreOptions{}), begun(t, l, "a", "x", driver.StoreOptions{})
	assert.ErrorIs(t, check("b", driver.StoreOptions{}), driver.ErrQuota, "what is being uploaded counts")
	require.NoError(t, u.Close(nil))
	require.NoError(t, v.Close(nil))
	assert.NoError(t, check("b", driver.StoreOptions{}))
	write(t, l, "a", strings.Repeat("x", 12))
	assert.ErrorIs(t, check("a", driver.StoreOptions{Append: true}), driver.ErrQuota, "FileSize is reached")
	assert.ErrorIs(t, check("a", driver.StoreOptions{Offset: 12}), driver.ErrQuota)
	assert.NoError(t, check("a", driver.StoreOptions{Offset: 11}))

	assert.NoError(t, store(t.Context(), l, "a", "", driver.StoreOptions{Append: true}), "nothing more is not too much")

	assert.NoError(t, driver.CheckStore(t.Context(), limit(t, driver.Mem(), driver.Quota{Bytes: 10}), "a", driver.StoreOptions{}))
	none := limit(t, driver.Mem(), driver.Quota{})
	assert.ErrorIs(t, driver.CheckStore(t.Context(), none, "a", driver.StoreOptions{}), driver.ErrQuota)
	read := limit(t, driver.WithoutWrites(driver.Mem()), driver.Quota{Bytes: 10})
	assert.ErrorContains(t, driver.CheckStore(t.Context(), read, "a", driver.StoreOptions{}), "read-only")
}
