//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// shows holds, by contender, a file that tells whether its server was
// unpacked.
var shows = map[string]string{
	"vsftpd":    "usr/sbin/vsftpd",
	"ProFTPD":   "usr/sbin/proftpd",
	"Pure-FTPd": "usr/sbin/pure-ftpd",
	"pyftpdlib": "usr/lib/python3/dist-packages/pyftpdlib",
}

// newSetup returns a setup to start a contender with.
func newSetup(t *testing.T) *setup {
	t.Helper()
	// Doesn't use t.TempDir, which only its owner may enter.
	dir, err := os.MkdirTemp("/var/tmp", "sallyport-bench-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	daemons := os.Getenv("SALLYPORT_FTPDS")
	if daemons == "" {
		cache, err := os.UserCacheDir()
		require.NoError(t, err)
		daemons = filepath.Join(cache, "sallyport", "ftpds")
	}
	s := &setup{
		scratch: filepath.Join(dir, "scratch"), root: filepath.Join(dir, "root"),
		cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
		user: "alice", password: "open sesame", thief: "mallory", thiefPassword: "swordfish",
		ports: "28400-28410", daemons: daemons,
	}
	require.NoError(t, os.MkdirAll(filepath.Join(s.root, "in"), 0o700))
	require.NoError(t, os.Mkdir(s.scratch, 0o700))
	require.NoError(t, writeCertificate(s.cert, s.key))
	return s
}

// available skips the test unless a contender can run here.
func available(t *testing.T, name string, s *setup) {
	t.Helper()
	testenv.NeedRoot(t)
	path, peer := shows[name]
	if !peer {
		testenv.NeedBinary(t, "go")
		s.daemons = t.TempDir()
		return
	}
	if _, err := os.Stat(filepath.Join(s.daemons, path)); err != nil {
		testenv.Missing(t, "%s is not unpacked: run bench/fetch.sh and set SALLYPORT_FTPDS", name)
	}
}

// TestContenders does with each server what workloads do.
func TestContenders(t *testing.T) {
	content := strings.Repeat("some bytes and some more", 50_000)
	for _, c := range contenders() {
		t.Run(c.name, func(t *testing.T) {
			s := newSetup(t)
			available(t, c.name, s)
			require.NoError(t, os.WriteFile(filepath.Join(s.root, "file"), []byte(content), 0o600))
			in, err := c.start(t.Context(), s)
			require.NoError(t, err)
			defer in.stop()
			require.Equal(t, c.name, in.contender)
			for _, inClear := range []bool{false, true} {
				visit(t, in, s, inClear, content)
			}
			other := *s
			other.user, other.password = s.thief, s.thiefPassword
			visit(t, in, &other, false, content)
			refuse(t, in, s)

			used, err := in.cpuTime()
			require.NoError(t, err)
			require.Positive(t, used)
			memory, err := in.pss()
			require.NoError(t, err)
			require.Positive(t, memory)

			tree, err := descend(in.pid)
			require.NoError(t, err)
			require.NoError(t, in.stop())
			require.NoError(t, in.stop(), "once more")
			for _, p := range tree {
				require.NoDirExists(t, filepath.Join("/proc", strconv.Itoa(p.pid)))
			}
		})
	}
}

// visit downloads, replaces and deletes files in one session.
func visit(t *testing.T, in *instance, s *setup, inClear bool, content string) {
	t.Helper()
	d, err := (&load{instance: in, setup: s}).dialer()
	require.NoError(t, err)
	d.clear = inClear
	c, err := d.login(t.Context())
	require.NoError(t, err)
	defer c.close()
	var got strings.Builder
	require.NoError(t, c.get("RETR /file", &got))
	require.True(t, got.String() == content, "%d bytes arrived, want %d", got.Len(), len(content))
	for _, name := range []string{"/in/new", "/in/new", "/file"} {
		require.NoError(t, c.put("STOR "+name, strings.NewReader(content)))
		stored, err := os.ReadFile(filepath.Join(s.root, name))
		require.NoError(t, err)
		require.True(t, string(stored) == content, "%d bytes arrived, want %d", len(stored), len(content))
	}
	_, err = c.cmd(2, "DELE /in/new")
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(s.root, "in/new"))
	if !inClear {
		require.EqualValues(t, tls.VersionTLS13, c.conn.(*tls.Conn).ConnectionState().Version)
	}
	require.NoError(t, c.quit())
}

// refuse checks that wrong passwords are refused.
func refuse(t *testing.T, in *instance, s *setup) {
	t.Helper()
	d, err := (&load{instance: in, setup: s}).dialer()
	require.NoError(t, err)
	for _, password := range []string{s.password + "!", s.thiefPassword} {
		d.password = password
		c, err := d.login(t.Context())
		if err == nil {
			c.close()
		}
		require.ErrorContains(t, err, "PASS: 530")
	}
}

// TestContendersEnd ends a contender by its context instead of stop, while a
// session is open.
func TestContendersEnd(t *testing.T) {
	for _, c := range contenders() {
		t.Run(c.name, func(t *testing.T) {
			s := newSetup(t)
			available(t, c.name, s)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			in, err := c.start(ctx, s)
			require.NoError(t, err)
			d, err := (&load{instance: in, setup: s}).dialer()
			require.NoError(t, err)
			session, err := d.login(t.Context())
			require.NoError(t, err)
			defer session.close()
			tree, err := descend(in.pid)
			require.NoError(t, err)
			cancel()
			require.NoError(t, in.stop())
			for _, p := range tree {
				require.NoDirExists(t, filepath.Join("/proc", strconv.Itoa(p.pid)))
			}
		})
	}
}

// TestStartFails checks that the error of a start has the server's own words.
func TestStartFails(t *testing.T) {
	for _, c := range contenders() {
		t.Run(c.name, func(t *testing.T) {
			s := newSetup(t)
			available(t, c.name, s)
			require.NoError(t, os.WriteFile(s.cert, []byte("no certificate"), 0o644))
			in, err := c.start(t.Context(), s)
			if err == nil { // reads the certificate only when the first client connects
				require.NoError(t, in.stop())
				return
			}
			require.ErrorContains(t, err, c.name+": ")
			if c.name != "Pure-FTPd" { // Pure-FTPd reports errors to syslog only
				require.ErrorContains(t, err, "\n\t")
			}
		})
	}
	s := newSetup(t)
	require.NoError(t, os.Chmod(filepath.Dir(s.root), 0o700))
	require.ErrorContains(t, s.hand(), "chmod")
}

func TestBetween(t *testing.T) {
	for ports, want := range map[string][2]int{"21000-21010": {21000, 21010}, "21000": {21000, 21000}} {
		low, high, err := (&setup{ports: ports}).between()
		require.NoError(t, err)
		require.Equal(t, want, [2]int{low, high})
	}
	for _, ports := range []string{"", "any", "21000,21002", "21010-21000", "21000-21010,!21005"} {
		_, _, err := (&setup{ports: ports}).between()
		require.ErrorContains(t, err, "no range")
	}
}
