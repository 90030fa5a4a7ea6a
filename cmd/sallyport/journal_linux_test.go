package main

import (
	"bytes"
	endian "encoding/binary"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/internal/wire"
)

// fakeJournal listens at a path as systemd's journal does.
func fakeJournal(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// fieldsOf receives an entry and returns its fields, as the journal reads them.
func fieldsOf(t *testing.T, conn *net.UnixConn) map[string]string {
	t.Helper()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	buf := make([]byte, 1<<20)
	n, err := conn.Read(buf)
	require.NoError(t, err)
	fields := map[string]string{}
	for rest := buf[:n]; len(rest) > 0; {
		line, after, found := bytes.Cut(rest, []byte{'\n'})
		require.True(t, found)
		name, value, plain := strings.Cut(string(line), "=")
		if !plain {
			size := endian.LittleEndian.Uint64(after)
			value, after = string(after[8:8+size]), after[8+size:]
			require.Equal(t, byte('\n'), after[0])
			after = after[1:]
		}
		require.Regexp(t, "^[A-Z][A-Z0-9_]*$", name)
		fields[name], rest = value, after
	}
	return fields
}

// Each attribute is a field, and no value can forge one.
func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	_, err := openJournal(path)
	require.ErrorContains(t, err, "no journal of systemd")
	fake := fakeJournal(t, path)
	j, err := openJournal(path)
	require.NoError(t, err)
	defer j.Close()
	log := slog.New(format(formatJournal, j, slog.LevelInfo, nil)).With("session", "7").WithGroup("data")
	log.Debug("not written")
	log.Warn("odd", "path", "a\nMESSAGE=forged\n", "err", errors.New("x y"), "n", 3)
	require.Equal(t, map[string]string{
		"PRIORITY": "4", "SYSLOG_IDENTIFIER": "sallyport", "SALLYPORT_SESSION": "7", "SALLYPORT_DATA_PATH": "a\nMESSAGE=forged\n", "SALLYPORT_DATA_ERR": "x y", "SALLYPORT_DATA_N": "3",
		"MESSAGE": `odd session=7 data.path="a\nMESSAGE=forged\n" data.err="x y" data.n=3`,
	}, fieldsOf(t, fake))
	fake.Close()
	require.NoError(t, os.Remove(path))
	fake = fakeJournal(t, path)
	log.Error("after a restart of the journal")
	require.Equal(t, "3", fieldsOf(t, fake)["PRIORITY"])
}

// startWithJournal starts a server that sees dir in place of /run/systemd/journal, or no journal if dir is
// empty.
func startWithJournal(t *testing.T, dir string, more ...string) *process {
	t.Helper()
	testenv.NeedRoot(t)
	testenv.NeedBinary(t, "unshare")
	return startWith(t, func(cmd *exec.Cmd) {
		script := `mount -t tmpfs none /run || exit 1
if test -n "$0"; then mkdir -p /run/systemd/journal && mount -t tmpfs none /run/systemd && mkdir /run/systemd/journal && cd "$0" && mount --bind . /run/systemd/journal || exit 1; fi
exec "$@"`
		unshare, err := exec.LookPath("unshare")
		require.NoError(t, err)
		cmd.Args = append([]string{unshare, "-m", "sh", "-c", script, dir, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = unshare
	}, more...)
}

// Both logs go to the journal if there is one.
func TestServeWithJournal(t *testing.T) {
	dir := t.TempDir()
	fake := fakeJournal(t, filepath.Join(dir, "socket"))
	p := startWithJournal(t, dir, "--log-format", "journald", "--audit-log", "journald")
	c := p.login(t, "explicit")
	name := "caf\xe9 \u2028 \"x\""
	require.NoError(t, c.Put("STOR "+name, "12345"))
	require.NoError(t, c.Close())
	p.terminate(t)
	require.Zero(t, p.end(t))
	require.Empty(t, p.log.String())
	seen := map[string]bool{}
	for len(seen) < 3 {
		e := fieldsOf(t, fake)
		switch {
		case e["SALLYPORT_EVENT"] == "STOR":
			require.Equal(t, "/"+name, wire.Original(e["SALLYPORT_PATH"]))
			require.Equal(t, []string{"5", "226", "true"}, []string{e["SALLYPORT_BYTES"], e["SALLYPORT_CODE"], e["SALLYPORT_COMMITTED"]})
			require.Contains(t, e["MESSAGE"], "STOR session=")
			seen["audit"] = true
		case e["SALLYPORT_EVENT"] == "" && e["SALLYPORT_VERB"] == "STOR":
			seen["log"] = true
		case strings.HasPrefix(e["MESSAGE"], "shutting down: "):
			seen["words"] = true
		}
	}
}

// Without a journal the log goes to standard error and says so, and a journal for the audit log is a mistake.
func TestServeWithoutJournal(t *testing.T) {
	p := startWithJournal(t, "", "--log-format", "journald")
	p.wantLog(t, `msg="the log goes to stderr" option=--log-format problem="there is no journal of systemd`)
	c := p.login(t, "explicit")
	require.NoError(t, c.Close())
	p.wantLog(t, "msg=login session=")

	file, err := binary()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", `mount -t tmpfs none /run && exec "$@"`, "sh", file, "serve", t.TempDir(), "--audit-log", "journald", "--listen", "127.0.0.1:0", "--listen-implicit=", "--passive", testenv.FreePortSet(t, 1))
	out, _ := cmd.CombinedOutput()
	require.Equal(t, statusFailed, cmd.ProcessState.ExitCode(), "%s", out)
	require.Contains(t, string(out), "--audit-log: there is no journal of systemd")
}
