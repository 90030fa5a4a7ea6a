package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// inetd accepts one connection as inetd does, starts a program with it as standard input, output and error, and returns
// a client of the program and a channel with the end of the program.
func inetd(t *testing.T, cmd *exec.Cmd) (*ftpclient.Client, <-chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	c := clearClient(t, ln.Addr().String())
	conn, err := ln.Accept()
	require.NoError(t, err)
	f, err := conn.(*net.TCPConn).File()
	require.NoError(t, err)
	conn.Close()
	defer f.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f, f, f
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	return c, ended
}

// endedWell waits for the end of a program whose session is over.
func endedWell(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.Fail(t, "the program goes on although its session is over")
	}
}

// Started by inetd, the server serves the one connection, writes nothing else to it, and ends with the session.
func TestVsftpdInetd(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "hello.txt"), []byte("hello"), 0o644))
	text := "listen=NO\nrun_as_launching_user=YES\nftpd_banner=Hello.\nanon_root=" + root + "\n" + vsftpdPorts(t)
	c, ended := inetd(t, exec.Command(mustBinary(t), "vsftpd", vsftpdFile(t, text)))
	greeting, err := c.Expect(220)
	require.NoError(t, err)
	require.Equal(t, "Hello.", greeting.Text())
	clearLogin(t, c, "anonymous", "me@example.com")
	got, err := c.Get("RETR hello.txt")
	require.NoError(t, err)
	require.Equal(t, "hello", got)
	_, err = c.Cmd(221, "QUIT")
	require.NoError(t, err)
	endedWell(t, ended)

	c, ended = inetd(t, exec.Command(mustBinary(t), "vsftpd", vsftpdFile(t, text+"listn=YES\n")))
	reply, err := c.Expect(421)
	require.NoError(t, err)
	require.Equal(t, "Service not available.", reply.Text())
	require.Error(t, <-ended)
}

// It is the same for a server that is split, whose local users have hands.
func TestVsftpdInetdLocalUsers(t *testing.T) {
	h := newPAMHost(t)
	cmd := exec.Command(mustBinary(t), "vsftpd", vsftpdFile(t, "anonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nchroot_local_user=YES\npam_service_name=sallyport\nnopriv_user=20000:20000\n"+vsftpdPorts(t)))
	cmd.Env = append(os.Environ(), "SALLYPORT_PAM_HELPER="+h.helper)
	h.inside(t, cmd)
	c, ended := inetd(t, cmd)
	_, err := c.Expect(220)
	require.NoError(t, err)
	clearLogin(t, c, "alice", "secret")
	require.NoError(t, c.Put("STOR file", "hello"))
	require.FileExists(t, filepath.Join(h.homes, "alice", "file"))
	_, err = c.Cmd(221, "QUIT")
	require.NoError(t, err)
	endedWell(t, ended)
}

// The sockets of systemd's units are served, be they listeners or connections.
func TestVsftpdSocketUnits(t *testing.T) {
	activate := testenv.NeedBinary(t, "systemd-socket-activate")
	for name, more := range map[string][]string{"Accept=no": nil, "Accept=yes": {"--accept"}, "Accept=yes and StandardInput=socket": {"--accept", "--inetd"}} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(root, "hello.txt"), []byte("hello"), 0o644))
			file := vsftpdFile(t, "listen=NO\nrun_as_launching_user=YES\nanon_root="+root+"\n"+vsftpdPorts(t))
			addr := "127.0.0.1:" + testenv.FreePortSet(t, 1)
			cmd := exec.Command(activate, append(append([]string{"-l", addr}, more...), mustBinary(t), "vsftpd", file)...)
			var said strings.Builder
			cmd.Stderr = &said
			require.NoError(t, cmd.Start())
			t.Cleanup(func() {
				cmd.Process.Kill()
				cmd.Wait()
				t.Log(said.String())
			})
			require.Eventually(t, func() bool { // until it listens
				conn, err := net.Dial("tcp", addr)
				if err == nil {
					conn.Close()
				}
				return err == nil
			}, time.Minute, 10*time.Millisecond)
			for range 2 {
				anonymously(t, addr)
			}
		})
	}
}
