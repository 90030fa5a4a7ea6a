package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// Sessions of an old and a new engine can't store more than the quota of their home together, while they upload, after
// they have, and after one of the engines has ended.
func TestEnginesQuota(t *testing.T) {
	for _, how := range []string{"atomic", "inplace"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
			u.rewrite(t, u.text("")+"quota = \"10 MB\"\nuploads = \""+how+"\"\n", reread) // ends with the table of bob
			const unit = 100_000                                                          // the quota is 100 of them, and a server has at most 6 in memory
			store := func(c *ftpclient.Client, name string, units int) error {
				return c.Put("STOR "+name, strings.Repeat("x", units*unit))
			}
			begin := func(c *ftpclient.Client, name string, units int) net.Conn {
				t.Helper()
				data, err := c.Open("STOR " + name)
				require.NoError(t, err)
				_, err = io.WriteString(data, strings.Repeat("x", units*unit))
				require.NoError(t, err)
				return data
			}
			full := func(err error) {
				t.Helper()
				require.ErrorContains(t, err, "552")
			}
			old := u.mustLogin(t, "bob")
			require.NoError(t, store(old, "a", 40))
			u.upgrade(t)
			young := u.mustLogin(t, "bob")
			full(store(young, "b", 61))
			require.NoError(t, store(young, "b", 30))
			full(store(old, "c", 31))
			require.NoError(t, store(old, "c", 20))
			_, err := young.Cmd(250, "DELE a")
			require.NoError(t, err)

			data := begin(old, "d", 45) // 50 are left
			require.Eventually(t, func() bool {
				return slices.ContainsFunc(told[sessionList](t, u.controlled, "sessions").Sessions, func(s session) bool { return s.Transferred == 45*unit })
			}, time.Minute, 10*time.Millisecond)
			full(store(young, "e", 12))
			require.NoError(t, store(young, "e", 5))
			for _, line := range []string{"DELE d", "STOR d"} {
				if line == "STOR d" {
					_, err = young.EPSV()
					require.NoError(t, err)
				}
				_, err = young.Cmd(450, line)
				require.NoError(t, err, line)
			}
			require.NoError(t, data.Close())
			require.NoError(t, old.Done())
			full(store(old, "f", 1))
			full(store(young, "f", 1))
			_, err = young.Cmd(250, "DELE d")
			require.NoError(t, err)
			require.NoError(t, old.Close())
			require.NoError(t, store(young, "g", 45))
			full(store(young, "h", 1))
			var sum int64
			all, err := os.ReadDir(filepath.Join(u.homes, "bob"))
			require.NoError(t, err)
			for _, e := range all {
				info, err := e.Info()
				require.NoError(t, err)
				sum += info.Size()
			}
			require.EqualValues(t, 100*unit, sum)
		})
	}
}

// Sessions of before and after a change of the quota count together, too.
func TestQuotaChanged(t *testing.T) {
	u := startSplit(t, "", 3)
	configured := func(quota string) { u.rewrite(t, u.text("")+"quota = \""+quota+"\"\n", reread) }
	login := func() *ftpclient.Client {
		c, err := u.dial(t, "bob")
		require.NoError(t, err)
		return c
	}
	configured("100 kB")
	before := login()
	require.NoError(t, before.Put("STOR a", strings.Repeat("x", 60_000)))
	configured("90 kB")
	after := login()
	require.NoError(t, after.Put("STOR b", strings.Repeat("x", 30_000)))
	require.ErrorContains(t, before.Put("STOR c", strings.Repeat("x", 11_000)), "552")
	require.ErrorContains(t, after.Put("STOR c", "x"), "552")
	require.NoError(t, before.Put("STOR c", strings.Repeat("x", 10_000)))
}
