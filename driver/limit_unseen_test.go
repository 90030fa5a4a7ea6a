//go:build unix

package driver_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
)

// If the FS can't tell how large a file is after an upload, the file counts as
// large as it was committed, and after a cut upload as large as it was before.
func TestLimitCountsWhatIsNotSeen(t *testing.T) {
	f := drivertest.Faulty(driver.Mem())
	l := limit(t, f, driver.Quota{Bytes: 100})
	write(t, l, "a", "12345")

	u := begun(t, l, "b", "678", driver.StoreOptions{})
	f.Set(drivertest.Fault{Method: "Stat", Do: drivertest.Fail(errors.New("stale"))})
	require.NoError(t, u.Commit())
	require.NoError(t, u.Close(nil))
	assert.Equal(t, "8 bytes 2 files", used(l))

	f.Set()
	u = begun(t, l, "a", "x", driver.StoreOptions{})
	f.Set(drivertest.Fault{Method: "Stat", Do: drivertest.Fail(errors.New("stale"))})
	require.NoError(t, u.Close(errors.New("cut")))
	assert.Equal(t, "8 bytes 2 files", used(l))
	f.Set()
	require.NoError(t, l.Measure(t.Context()))
	assert.Equal(t, "8 bytes 2 files", used(l))
}

// Space fails if the FS can't tell its free space, since the disk may have less than
// is left of the quota.
func TestLimitSpaceFails(t *testing.T) {
	f := drivertest.Faulty(driver.Mem())
	l := limit(t, f, driver.Quota{Bytes: 100})
	stale := errors.New("stale")
	f.Set(drivertest.Fault{Method: "Space", Do: drivertest.Fail(stale)})
	_, err := driver.Space(t.Context(), l, ".")
	assert.ErrorIs(t, err, stale)
}

// If another program replaces the file that is being uploaded, and the system gives
// the number of that file to a new one, the new file counts as free and is known by
// its own uploads only.
func TestLimitNumberGivenToAnother(t *testing.T) {
	n := &numbered{driver.Mem(), map[string]string{"a": "1"}}
	for _, name := range []string{"a", "b", "c", "link"} {
		write(t, n, name, "old")
	}
	l := limit(t, n, driver.Quota{Bytes: 100})
	first := begun(t, l, "a", "first", driver.StoreOptions{})
	n.numbers["a"], n.numbers["b"], n.numbers["c"], n.numbers["link"] = "2", "1", "1", "1"
	require.NoError(t, l.Remove(t.Context(), "c"), "nobody uploads it")
	second := begun(t, l, "b", "second", driver.StoreOptions{})
	require.NoError(t, first.Commit())
	require.NoError(t, first.Close(nil))
	require.ErrorIs(t, l.Remove(t.Context(), "link"), fs.ErrPermission, "a name of what is being uploaded")
	require.NoError(t, second.Close(errors.New("cut")))
	require.NoError(t, l.Remove(t.Context(), "link"))
}
