package server_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// Row 52: other code in the process closes the socket of a parked session, and the
// next connection gets the number of the socket. The old session ends, long before
// its IdleTimeout, and the new one is served. The test is not parallel to others,
// which would take the number.
func TestSocketNumberUsedAgain(t *testing.T) {
	ts := start(t)
	door := &door{Listener: listener(t), open: make(chan struct{}), came: make(chan *net.TCPConn, 1), shut: make(chan struct{})}
	served := make(chan error, 1)
	go func() { served <- ts.Serve(door) }()
	t.Cleanup(func() {
		ts.Close()
		require.ErrorIs(t, <-served, server.ErrServerClosed)
	})
	ts.Addr = door.Addr().String()

	for again := false; !again; {
		raw := dialTCP(t, ts.Addr)
		door.open <- struct{}{}
		old := <-door.came
		ghost := newClient(t, raw, ts.Config)
		ghost.expect(220)
		number := numberOf(t, old)
		time.Sleep(time.Second) // longer than parkAfter

		raw = dialTCP(t, ts.Addr)
		require.NoError(t, old.Close())
		door.open <- struct{}{}
		next := <-door.came
		again = numberOf(t, next) == number
		c := newClient(t, raw, ts.Config)
		c.expect(220)
		time.Sleep(time.Second)

		ghost.end()
		eventually(t, "the end of the session without a socket", func() bool { return len(ts.Sessions()) == 1 })
		c.cmd(200, "NOOP")
		c.cmd(221, "QUIT")
		c.end()
	}
	eventually(t, "the end of the last session", func() bool { return len(ts.Sessions()) == 0 })
	require.NoError(t, ts.Shutdown(t.Context()))
}

func listener(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return ln
}

// door is a listener that lets one connection in each time it is opened, and shows
// the socket of the connection.
type door struct {
	net.Listener
	open chan struct{}
	came chan *net.TCPConn
	once sync.Once
	shut chan struct{}
}

func (d *door) Accept() (net.Conn, error) {
	select {
	case <-d.open:
	case <-d.shut:
		return nil, net.ErrClosed
	}
	conn, err := d.Listener.Accept()
	if err == nil {
		d.came <- conn.(*net.TCPConn)
	}
	return conn, err
}

func (d *door) Close() error {
	d.once.Do(func() { close(d.shut) })
	return d.Listener.Close()
}

func numberOf(t *testing.T, conn *net.TCPConn) (fd uintptr) {
	t.Helper()
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(n uintptr) { fd = n }))
	return fd
}
