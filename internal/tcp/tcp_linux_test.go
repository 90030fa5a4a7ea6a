package tcp

import (
	"crypto/tls"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListen(t *testing.T) {
	ln, err := Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	conn, err := ln.Accept()
	require.NoError(t, err)
	defer conn.Close()
	require.Zero(t, option(t, conn.(*net.TCPConn), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE))
	const protocol = 38 // SO_PROTOCOL, which package syscall doesn't have everywhere
	require.Equal(t, syscall.IPPROTO_TCP, option(t, ln.(*net.TCPListener), syscall.SOL_SOCKET, protocol))

	require.Same(t, conn, Below(conn))
	require.Same(t, conn, Below(tls.Server(tls.Server(conn, nil), nil)))
	pipe, _ := net.Pipe()
	require.Nil(t, Below(pipe))
	require.Nil(t, Below(tls.Server(pipe, nil)))
}

func option(t *testing.T, conn syscall.Conn, level, name int) (value int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) }))
	require.NoError(t, err)
	return value
}
