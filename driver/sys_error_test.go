package driver_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// SysError gives a meaning to errors that package os returns for real files,
// which have none in the contract or the wrong one.
func TestSysErrorOfFiles(t *testing.T) {
	at := filepath.Join(t.TempDir(), "dir")
	require.NoError(t, os.Mkdir(at, 0o700))
	file := filepath.Join(at, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	err := os.Remove(at)
	require.NotErrorIs(t, err, driver.ErrNotEmpty)
	err = driver.SysError(err)
	assert.ErrorIs(t, err, driver.ErrNotEmpty)
	assert.NotErrorIs(t, err, fs.ErrExist, "a name that is taken is another thing")
	assert.ErrorContains(t, err, at, "the log may have the path")

	err = driver.SysError(os.Mkdir(file, 0o700))
	assert.ErrorIs(t, err, fs.ErrExist)
	_, err = os.Stat(filepath.Join(at, "none"))
	assert.Equal(t, err, driver.SysError(err), "what io/fs knows stays")
}

func TestSysErrorLeavesOthers(t *testing.T) {
	assert.NoError(t, driver.SysError(nil))
	for _, err := range []error{
		errors.New("x"), fs.ErrNotExist, driver.ErrBusy, fmt.Errorf("y: %w", driver.ErrQuota),
		&driver.Error{Code: 552, Text: "Full.", Err: os.ErrDeadlineExceeded},
	} {
		assert.Equal(t, err, driver.SysError(err))
	}
}
