package server

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A poller that found no descriptor when it was first needed opens later. The
// test is not parallel to others: all descriptors of the process are taken.
func TestIdlePollerOpensLater(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	conn, err := ln.Accept()
	require.NoError(t, err)
	defer conn.Close()

	var p idlePoller
	w := &waiter{ctl: &control{raw: conn}}
	withoutDescriptors(t, func() { require.False(t, p.park(w)) })
	require.True(t, p.park(w))
	require.True(t, p.remove(w))
	p.close()
}

// withoutDescriptors runs f while this process can't open any more.
func withoutDescriptors(t *testing.T, f func()) {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	defer func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)) }()
	f()
}
