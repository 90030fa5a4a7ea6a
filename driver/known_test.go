package driver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func TestHashKnown(t *testing.T) {
	hash, err := driver.HashKnown("short")
	require.NoError(t, err)
	other, err := driver.HashKnown("short")
	require.NoError(t, err)
	require.NotEqual(t, hash, other, "the salt")
	users := driver.Users{"alice": {Hash: hash, Files: driver.Mem()}}
	require.NoError(t, users.Validate())
	_, err = users.Login(t.Context(), &driver.Login{User: "alice", Password: "short"})
	require.NoError(t, err)
	_, err = users.Login(t.Context(), &driver.Login{User: "alice", Password: "Short"})
	require.ErrorIs(t, err, driver.ErrLogin)
	_, err = driver.HashKnown("")
	require.Error(t, err)
}
