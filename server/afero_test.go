package server_test

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// oldDriver is an afero.Fs with the additional methods that ftpserverlib calls.
type oldDriver struct{ afero.Fs }

func (d oldDriver) Open(name string) (afero.File, error) {
	if fi, err := d.Stat(name); err == nil && fi.IsDir() {
		return nil, os.ErrPermission
	}
	return d.Fs.Open(name)
}

func (d oldDriver) Remove(name string) error {
	if fi, err := d.Stat(name); err == nil && fi.IsDir() {
		return os.ErrPermission
	}
	return d.Fs.Remove(name)
}

func (d oldDriver) RemoveDir(name string) error                { return d.Fs.Remove(name) }
func (d oldDriver) ReadDir(name string) ([]os.FileInfo, error) { return afero.ReadDir(d.Fs, name) }
func (d oldDriver) GetAvailableSpace(string) (int64, error)    { return 1234, nil }

// Commands find the methods that an afero.Fs has besides its interface.
func TestAferoMethods(t *testing.T) {
	m := afero.NewMemMapFs()
	require.NoError(t, m.MkdirAll("/d/e", 0o755))
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Driver = driver.User(testUser, testPassword, driver.Afero(oldDriver{m}))
	})
	c := ts.loginClear(t)
	require.Equal(t, "213 1234", c.cmd(213, "AVBL d").String())
	require.Equal(t, []string{"d"}, strings.Fields(c.get("NLST")))
	require.Equal(t, "550 Directory not empty.", c.cmd(550, "RMD d").String())
	c.cmd(250, "RMD d/e")
	c.cmd(250, "RMD d")
	require.Empty(t, c.get("NLST"))
}
