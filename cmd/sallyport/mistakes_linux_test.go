package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// An outgoing connection of this host may occupy a data port for hours. The
// server starts with the other ports and names the cure.
func TestDataPortHeldByAnOutgoingConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	out, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer out.Close()
	_, held, err := net.SplitHostPort(out.LocalAddr().String())
	require.NoError(t, err)

	p := start(t, "--passive", held+","+testenv.FreePortSet(t, 1))
	p.wantLog(t, "passive port "+held)
	p.wantLog(t, "ip_local_reserved_ports")
	c := p.login(t, "explicit")
	for range 3 {
		got, err := c.Get("RETR hello.txt")
		require.NoError(t, err)
		require.Equal(t, "hello", got)
	}
	require.NoError(t, c.Close())

	file, err := binary()
	require.NoError(t, err)
	all, err := exec.CommandContext(t.Context(), file, "serve", t.TempDir(), "--listen", "127.0.0.1:0", "--listen-implicit", "", "--passive", held).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(all), "ip_local_reserved_ports")
}

// The cures for ports that only root may listen on work. They are tried in a
// network namespace, where no setting of this host helps.
func TestPrivilegedPorts(t *testing.T) {
	testenv.NeedRoot(t)
	file, err := binary()
	require.NoError(t, err)
	require.NoError(t, os.Chmod(buildDir, 0o755))
	dir := t.TempDir()
	nobody := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), file, append([]string{"serve", dir}, args...)...)
		cmd.Dir, cmd.Env = "/", []string{"TMPDIR=/tmp"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, _ := cmd.CombinedOutput()
		require.Equal(t, statusFailed, cmd.ProcessState.ExitCode(), "%s", out)
		return string(out)
	}
	out := nobody("--listen", ":21", "--listen-implicit", "192.0.2.1:990")
	for _, want := range []string{
		"--listen :21: the system does not let this user", "setcap cap_net_bind_service=+ep " + file,
		"sysctl -w net.ipv4.ip_unprivileged_port_start=21 ", "--listen :2121", "--listen-implicit 192.0.2.1:2990",
	} {
		require.Contains(t, out, want)
	}
	out = nobody("--listen", ":2121", "--passive", "900-902,950,21000")
	for _, want := range []string{
		"passive ports 900-902,950: the system does not permit it; any of these helps:", "setcap cap_net_bind_service=+ep " + file,
		"sysctl -w net.ipv4.ip_unprivileged_port_start=900 ", "--passive 21000-21010\n",
	} {
		require.Contains(t, out, want)
	}
	out = nobody("--listen", ":2121", "--active", "--active-port", "20")
	for _, want := range []string{
		"--active-port 20: the system does not let this user connect from there; any of these helps:", "setcap cap_net_bind_service=+ep " + file,
		"sysctl -w net.ipv4.ip_unprivileged_port_start=20 ", "  active-port 0\n",
	} {
		require.Contains(t, out, want)
	}
}

// Too low a limit of descriptors is reported at the start, not when clients can't
// connect.
func TestDescriptorLimit(t *testing.T) {
	sh := testenv.NeedBinary(t, "sh")
	p := startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append([]string{sh, "-c", `ulimit -n 512; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = sh
	})
	p.wantLog(t, "limit=512")
	require.Contains(t, p.log.String(), "LimitNOFILE=")
	require.NotContains(t, start(t).log.String(), "LimitNOFILE=")
}

// A server whose certificate can't be written to a file serves all the same, and
// the commands in the banner work.
func TestUnwritableTemporaryFolder(t *testing.T) {
	p := startWith(t, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "TMPDIR=/proc/nowhere")
	})
	require.Contains(t, p.banner, "/proc/nowhere")
	for line := range strings.Lines(p.banner) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name != "curl" && name != "lftp" {
			continue
		}
		testenv.NeedBinary(t, name)
		out, err := exec.CommandContext(t.Context(), "sh", "-c", line).Output()
		require.NoError(t, err, "%s", line)
		require.Contains(t, string(out), "hello.txt", "%s", line)
	}
}
