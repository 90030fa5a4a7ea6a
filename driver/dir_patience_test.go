package driver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// A change waits for the change before it, but not for ever: then the error is
// driver.ErrBusy, or the error of the context if that ended first. Time is
// fake.
func TestDirLockPatience(t *testing.T) {
	path := t.TempDir()
	d, inPlace := openDir(t, path), openDir(t, path)
	inPlace.Uploads = driver.InPlace
	write(t, d, "a", "old,")
	synctest.Test(t, func(t *testing.T) {
		held := begun(t, inPlace, "a", "held,", driver.StoreOptions{Append: true})
		u := begun(t, d, "a", "late", driver.StoreOptions{Append: true})
		err := u.Commit()
		require.ErrorIs(t, err, driver.ErrBusy)
		require.NoError(t, u.Close(err))

		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		u, err = d.Store(short, "a", driver.StoreOptions{Append: true})
		require.NoError(t, err)
		err = u.Commit()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, driver.ErrBusy)
		require.NoError(t, u.Close(err))

		_, err = inPlace.Store(t.Context(), "a", driver.StoreOptions{})
		require.ErrorIs(t, err, driver.ErrBusy)
		ended, end := context.WithCancelCause(t.Context())
		end(errors.New("the client went away"))
		_, err = inPlace.Store(ended, "a", driver.StoreOptions{})
		require.NotErrorIs(t, err, driver.ErrBusy)
		go func() {
			time.Sleep(50 * time.Millisecond) // until the next Store has found the file held
			assert.NoError(t, held.Commit())
		}()
		require.NoError(t, store(t.Context(), inPlace, "a", "next", driver.StoreOptions{Offset: 4}), "the one before was about to end")
	})
	require.Equal(t, "old,next", read(t, d, "a"))
	require.Equal(t, []string{"a"}, entries(t, path))
}
