package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// fetchActive fetches a file in active mode, and returns the port that the server connects from.
func fetchActive(t *testing.T, c *ftpclient.Client, name, want string) (from uint16) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
	port := netip.MustParseAddrPort(ln.Addr().String()).Port()
	_, err = c.Cmd(200, fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port))
	require.NoError(t, err)
	_, err = c.Cmd(150, "RETR "+name)
	require.NoError(t, err)
	tcp, err := ln.Accept()
	require.NoError(t, err)
	data, err := c.DataTLS(tcp)
	require.NoError(t, err)
	content, err := ftpclient.ReadAll(data)
	require.NoError(t, err)
	require.Equal(t, want, content)
	data.Close()
	require.NoError(t, c.Done())
	return netip.MustParseAddrPort(tcp.RemoteAddr().String()).Port()
}

// The keeper binds the sockets of active mode to a port that the engine may not use, for several clients at a time.
// A client that doesn't listen is told.
func TestSplitActivePort(t *testing.T) {
	s := startSplit(t, "active = true\nactive-port = 20", 1)
	a := filepath.Join(s.homes, "alice", "a")
	require.NoError(t, os.WriteFile(a, []byte("content"), 0o600))
	require.NoError(t, os.Chown(a, aliceUID, aliceUID))
	for range 3 {
		require.EqualValues(t, 20, fetchActive(t, s.mustDial(t, "alice"), "a", "content"))
	}
	c := s.mustDial(t, "alice")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := netip.MustParseAddrPort(ln.Addr().String()).Port()
	require.NoError(t, ln.Close())
	_, err = c.Cmd(200, fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port))
	require.NoError(t, err)
	_, err = c.Cmd(150, "RETR a")
	require.NoError(t, err)
	_, err = c.Expect(425)
	require.NoError(t, err)
	require.EqualValues(t, 20, fetchActive(t, c, "a", "content"))
}

// A client whose host doesn't answer keeps nobody else waiting: the engine goes on talking to the keeper.
func TestSplitActiveUnanswered(t *testing.T) {
	s := startSplit(t, "active = true\nactive-port = 20", 1)
	a := filepath.Join(s.homes, "alice", "a")
	require.NoError(t, os.WriteFile(a, []byte("content"), 0o644))
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 0))
	at, err := unix.Getsockname(fd)
	require.NoError(t, err)
	port := at.(*unix.SockaddrInet4).Port
	full, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)) // nobody accepts, and there is room for no other
	require.NoError(t, err)
	defer full.Close()

	c := s.mustDial(t, "alice")
	_, err = c.Cmd(200, fmt.Sprintf("EPRT |1|127.0.0.1|%d|", port))
	require.NoError(t, err)
	_, err = c.Cmd(150, "RETR a")
	require.NoError(t, err)
	s.mustDial(t, "bob")
	require.NoError(t, c.Send("ABOR"))
	_, err = c.Expect(426) // and not 425, which comes when the attempt has been given up
	require.NoError(t, err)
}

// A server in one process connects from the port itself.
func TestActivePort(t *testing.T) {
	port := testenv.FreePorts(t, 1)
	p := start(t, "--active", fmt.Sprintf("--active-port=%d", port))
	require.EqualValues(t, port, fetchActive(t, p.login(t, "explicit"), "hello.txt", "hello"))
}

// The port of active mode means nothing without active mode.
func TestActivePortAlone(t *testing.T) {
	_, err := parseServe([]string{"dir", "--active-port", "20"})
	require.ErrorContains(t, err, "--active-port is the port that active mode connects from, which needs --active")
}
