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

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// greeted returns the first line that a server says to a client at an address of this host.
func greeted(t *testing.T, addr, client string) string {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}).Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	line := make([]byte, 200)
	n, _ := conn.Read(line)
	return strings.TrimSpace(string(line[:n]))
}

// wrapped gives a host files of TCP wrappers.
func wrapped(t *testing.T) *pamHost {
	t.Helper()
	for _, file := range []string{hostsAllow, hostsDeny} {
		if _, err := os.Stat(file); err != nil {
			testenv.Missing(t, "the files of TCP wrappers (Debian: libwrap0): %v", err)
		}
	}
	h := newPAMHost(t)
	h.add(t, "hosts.allow", "sshd: ALL\n")
	h.add(t, "hosts.deny", "# whom vsftpd keeps out\nvsftpd: 127.0.0.2, [2001:db8::]/32\n")
	return h
}

// With tcp_wrappers the rules of hosts.allow and hosts.deny say who may connect, a client who may not hears so, and a
// change of the files counts without a signal. Rules that can't be followed leave the old ones in force.
func TestVsftpdTCPWrappers(t *testing.T) {
	h := wrapped(t)
	v := h.serveVsftpd(t, "tcp_wrappers=YES\nftpd_banner=Hello.\n")
	addr := v.fact(t, "explicit FTPS")
	require.Equal(t, "220 Hello.", greeted(t, addr, "127.0.0.1"))
	require.Equal(t, "421 Service not available.", greeted(t, addr, "127.0.0.2"))
	require.Eventually(t, func() bool {
		return greeted(t, addr, "127.0.0.1") == "220 Hello."
	}, time.Minute, 10*time.Millisecond)

	h.add(t, "hosts.deny", "vsftpd: ALL: spawn /bin/true\n")
	require.Eventually(t, func() bool {
		return strings.Contains(v.log.String(), `hosts.deny:3: the option \"spawn /bin/true\" is not supported`)
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, "220 Hello.", greeted(t, addr, "127.0.0.1"), "as before")
	require.Equal(t, "421 Service not available.", greeted(t, addr, "127.0.0.2"))

	require.NoError(t, os.WriteFile(h.file("hosts.deny"), []byte("ALL: 127.0.0.1\n"), 0o644))
	require.Eventually(t, func() bool { return greeted(t, addr, "127.0.0.1") == "421 Service not available." }, time.Minute, 10*time.Millisecond)
	require.Equal(t, "220 Hello.", greeted(t, addr, "127.0.0.2"))
}

// The rules hold in a server of one process, too. A rule that can't be followed keeps it from starting.
func TestTCPWrappers(t *testing.T) {
	h := wrapped(t)
	p := startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--config=", "--insecure-plaintext", "--tcp-wrappers", "vsftpd", "--user", "a:b")
		h.inside(t, cmd)
	})
	addr := p.fact(t, "explicit FTPS")
	require.Contains(t, greeted(t, addr, "127.0.0.1"), "220 ")
	require.Equal(t, "421 Service not available.", greeted(t, addr, "127.0.0.2"))
	require.NoError(t, os.WriteFile(h.file("hosts.allow"), []byte("vsftpd: 127.0.0.2\n"), 0o644))
	require.Eventually(t, func() bool { return strings.HasPrefix(greeted(t, addr, "127.0.0.2"), "220 ") }, time.Minute, 10*time.Millisecond)

	h.add(t, "hosts.deny", "vsftpd: .example.com\n")
	file := vsftpdFile(t, "listen=YES\nanon_root="+t.TempDir()+"\ntcp_wrappers=YES\n")
	cmd := exec.Command(mustBinary(t), "vsftpd", file)
	h.inside(t, cmd)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), filepath.Base(file)+":3: tcp-wrappers: /etc/hosts.deny:3: \".example.com\": the names of clients are not looked up")
}
