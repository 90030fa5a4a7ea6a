package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// patience bounds what a test waits for. No test measures anything by it.
const patience = time.Minute

// newLoad returns a quick load on a server in this process, which ends with the
// test. The options are applied before the server starts.
func newLoad(t *testing.T, options ...func(*server.Server)) *load {
	t.Helper()
	s := emptySetup(t)
	files, err := driver.OpenDir(s.root)
	require.NoError(t, err)
	t.Cleanup(func() { files.Close() })
	cert, err := tls.Load(s.cert, s.key)
	require.NoError(t, err)
	accounts, err := s.accounts()
	require.NoError(t, err)
	users := driver.Users{}
	for _, a := range accounts {
		users[a.name] = driver.UserEntry{Hash: a.hash, Files: files}
	}
	srv := &server.Server{
		Driver: users, TLS: cert, Passive: passive.Any(),
		InsecurePlaintext: true, MaxSessionsPerAddress: -1,
	}
	for _, option := range options {
		option(srv)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		srv.Passive.Close()
		require.ErrorIs(t, <-ended, server.ErrServerClosed)
	})
	return &load{instance: &instance{addr: ln.Addr().String(), pid: os.Getpid()}, setup: s, quick: true}
}

// emptySetup returns a setup with a certificate, no files, and data ports that
// the system chooses.
func emptySetup(t *testing.T) *setup {
	t.Helper()
	dir, remove, err := memoryDir() // a disk would be slow for ten thousand files
	if err != nil {
		dir, remove = t.TempDir(), func() {}
	}
	t.Cleanup(remove)
	s := &setup{
		root: filepath.Join(dir, "root"), cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"),
		ports: "any", user: "bench", password: "correct horse", thief: "thief", thiefPassword: "battery staple",
	}
	require.NoError(t, os.Mkdir(s.root, 0o755))
	require.NoError(t, writeCertificate(s.cert, s.key))
	return s
}

// noPorts has a server answer 425 to every EPSV.
func noPorts(srv *server.Server) {
	ports := passive.Any()
	ports.Listen = func(context.Context, string, string) (net.Listener, error) {
		return nil, errors.New("no port is to be had")
	}
	srv.Passive = ports
}

// within returns a context that bounds a run.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// session logs in; the session ends with the test.
func (l *load) session(t *testing.T, change func(*dialer)) *client {
	t.Helper()
	d, err := l.dialer()
	require.NoError(t, err)
	if change != nil {
		change(d)
	}
	c, err := d.login(within(t))
	require.NoError(t, err)
	t.Cleanup(c.close)
	return c
}

// named returns the workload of a name.
func named(t *testing.T, name string) workload {
	t.Helper()
	for _, w := range workloads() {
		if w.name == name {
			return w
		}
	}
	require.Fail(t, "no such workload", name)
	return workload{}
}
