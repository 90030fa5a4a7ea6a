//go:build linux && !race && !386 && !s390x

package rawio_test

import (
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A descriptor that a caller of File has made blocking holds nobody up: a read
// without input waits where the collector of garbage, which stops every
// goroutine, can see it, and a full connection keeps a write from nothing but its
// deadline.
func TestBlockingDescriptor(t *testing.T) {
	tested, other := pair(t)
	f, err := tcp(tested).File()
	require.NoError(t, err)
	defer f.Close()
	f.Fd() // makes the descriptor of both block
	got := make(chan byte)
	go func() {
		p := make([]byte, 1)
		if _, err := tested.Read(p); err != nil {
			t.Error(err)
		}
		got <- p[0]
	}()
	for range 20 {
		time.Sleep(time.Millisecond) // so that the read comes to wait
		runtime.GC()
	}
	_, err = other.Write([]byte{7})
	require.NoError(t, err)
	require.EqualValues(t, 7, <-got)

	require.NoError(t, tested.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	for chunk := make([]byte, 100<<10); err == nil; { // until nothing more fits in
		_, err = tested.Write(chunk)
	}
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func tcp(conn net.Conn) *net.TCPConn {
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = c.NetConn()
	}
	return conn.(*net.TCPConn)
}
