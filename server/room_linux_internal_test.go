//go:build linux && !386 && !s390x

package server

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A connection that was closed has no room, and awaitRoom returns an error:
// otherwise a transfer that sends piece by piece would go on for ever with pieces
// of no byte.
func TestNoRoomOnAClosedConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	theirs, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer theirs.Close()
	ours, err := ln.Accept()
	require.NoError(t, err)
	conn := &idleConn{Conn: ours, limit: time.Minute}
	n, err := conn.Room()
	require.NoError(t, err)
	require.Positive(t, n)
	ours.Close()
	_, err = conn.Room()
	require.ErrorIs(t, err, net.ErrClosed)
}
