package server_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// COMPATIBILITY, row 34: clients send the end of IAC IP IAC DM as urgent data, which a socket
// does not hand over in line (RFC 959, section 4.1.3; RFC 854).
func TestUrgentABOR(t *testing.T) {
	t.Parallel()
	ts := start(t, insecure)
	for _, urgent := range []string{"\xff", "\xff\xf2", "\xf2"} {
		c := ts.loginClear(t)
		conn := c.open("STOR a.txt")
		c.write("\xff\xf4")
		onSocket(t, c.Conn, func(fd int) error {
			return syscall.Sendto(fd, []byte(urgent), syscall.MSG_OOB, nil)
		})
		if urgent == "\xff" {
			c.write("\xf2")
		}
		c.send("ABOR")
		c.expect(426)
		c.expect(226)
		conn.Close()
		c.cmd(200, "NOOP")
	}
}

// accepted is a listener that shows what it accepts.
type accepted struct {
	net.Listener
	conns chan net.Conn
}

func (l accepted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.conns <- conn
	}
	return conn, err
}

// COMPATIBILITY, row 41: keepalive on the control connection, often enough for NAT boxes that
// forget it after four minutes.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	ts := start(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	shown := accepted{ln, make(chan net.Conn, 1)}
	go ts.Serve(shown)
	newClient(t, dialTCP(t, ln.Addr().String()), nil).expect(220)
	onSocket(t, <-shown.conns, func(fd int) error {
		on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
		require.NoError(t, err)
		assert.NotZero(t, on)
		idle, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE)
		assert.LessOrEqual(t, idle, 120)
		return err
	})
}

func onSocket(t *testing.T, conn net.Conn, f func(fd int) error) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { err = f(int(fd)) }))
	require.NoError(t, err)
}
