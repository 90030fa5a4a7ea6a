package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// conversation has sessions of alice and of anonymous users, in which things go right and wrong. Both servers can be
// asked the same.
var conversation = [][]string{
	{
		"USER somebody", "PASS x", "USER alice", "PASS wrong", "NOOP", "USER alice", "pass secret", "!RETR x",
		"STOR a bé.txt=" + strings.Repeat("x", 1500), "RETR a bé.txt", "TYPE I", "RETR a bé.txt", "RETR missing", "STOR nodir/x=zz",
		"APPE app=12", "STOR empty=", "MKD d1", "MKD d1", "RMD d1", "XRMD d1", "XMKD d1", "CWD d1", "RETR missing", "CDUP",
		"RNFR app", "RNTO app2", "RNFR app2", "RNTO no/dir", "RNTO x",
		"SITE CHMOD 600 app2", "SITE CHMOD 600 nope", "DELE app2", "DELE app2", "SIZE empty", "MDTM empty", "LIST", "QUIT",
	},
	{"USER anonymous", "PASS me you@x", "RETR hi.txt", "RETR missing", "TYPE A", "RETR hi.txt", "STOR x=1", "MKD x", "DELE hi.txt", "QUIT"},
	{"USER ftp", "PASS ", "TYPE I", "RETR hi.txt", "QUIT"},
}

// converse carries out lines of a session, whatever comes of them. A line with = uploads what is behind it, and an
// exclamation mark keeps a transfer from getting a data connection.
func converse(t *testing.T, addr string, lines []string) {
	t.Helper()
	c := clearClient(t, addr)
	_, err := c.Expect(220)
	require.NoError(t, err)
	for _, line := range lines {
		verb, _, _ := strings.Cut(line, " ")
		command, data, uploads := strings.Cut(line, "=")
		switch {
		case uploads:
			_ = c.Put(command, data)
		case verb == "RETR" || verb == "LIST":
			_, _ = c.Get(line)
		default:
			require.NoError(t, c.Send(strings.TrimPrefix(line, "!")), line)
			reply, err := c.ReadReply()
			require.NoError(t, err, line)
			require.NotContains(t, reply.String(), "OOPS", line)
		}
	}
}

// alike returns the lines of a log without what differs between any two runs: dates, processes and rates.
func alike(t *testing.T, file string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		_, err := time.Parse(time.ANSIC, line[:len(time.ANSIC)])
		require.NoError(t, err, line)
		line = regexp.MustCompile(`\[pid \d+\]`).ReplaceAllString(line[len(time.ANSIC)+1:], "[pid N]")
		line = regexp.MustCompile(`[\d.]+Kbyte/sec`).ReplaceAllString(line, "R")
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines
}

// hasLines waits until a log has that many lines.
func hasLines(t *testing.T, file string, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		text, _ := os.ReadFile(file)
		return strings.Count(string(text), "\n") >= n
	}, time.Minute, 10*time.Millisecond, file)
}

// vsftpdHost is a host on which Debian's vsftpd and this program serve the same users.
type vsftpdHost struct {
	*pamHost
	text string // of the configuration, without where logs go and where servers listen
}

func newVsftpdHost(t *testing.T) *vsftpdHost {
	h := &vsftpdHost{pamHost: newPAMHost(t)}
	h.add(t, "pam.d/ftp-users", "auth required pam_unix.so nodelay\naccount required pam_unix.so\nsession required pam_permit.so\n")
	h.user(t, "ftp", "/usr/sbin/nologin", "*:19999:0:99999:7:::")
	pub := filepath.Join(h.homes, "ftp")
	require.NoError(t, os.Chmod(pub, 0o755))
	require.NoError(t, os.Chown(pub, 0, 0)) // since vsftpd takes no root that anonymous users could write to
	require.NoError(t, os.WriteFile(filepath.Join(pub, "hi.txt"), []byte("hi\n"), 0o644))
	empty := filepath.Join(h.homes, "empty")
	require.NoError(t, os.Mkdir(empty, 0o755))
	h.text = "listen=YES\nlisten_address=127.0.0.1\nlocal_enable=YES\nwrite_enable=YES\nchroot_local_user=YES\nallow_writeable_chroot=YES\n" +
		"pam_service_name=ftp-users\nnopriv_user=bob\nsecure_chroot_dir=" + empty + "\nisolate=NO\nisolate_network=NO\nseccomp_sandbox=NO\n"
	return h
}

// vsftpd starts Debian's vsftpd with more lines in its file, and returns its address.
func (h *vsftpdHost) vsftpd(t *testing.T, more string) string {
	program := testenv.NeedBinary(t, "vsftpd")
	port := testenv.FreePortSet(t, 1)
	file := vsftpdFile(t, h.text+"listen_port="+port+"\n"+more)
	cmd := exec.Command(program, file)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	h.inside(t, cmd)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	addr := "127.0.0.1:" + port
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}, time.Minute, 50*time.Millisecond)
	return addr
}

// ours starts this program with more lines in the same file.
func (h *vsftpdHost) ours(t *testing.T, more string) *process {
	file := vsftpdFile(t, h.text+more+vsftpdPorts(t))
	return startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = []string{"sallyport", "vsftpd", file, "-olisten_port=0"}
		cmd.Env = append(cmd.Env, "SALLYPORT_PAM_HELPER="+h.helper)
		h.inside(t, cmd)
	})
}

// found returns the addresses that Debian's fail2ban finds in a log.
func found(t *testing.T, file string) []string {
	t.Helper()
	out, err := exec.Command(testenv.NeedBinary(t, "fail2ban-regex"), "-o", "ip", file, "/etc/fail2ban/filter.d/vsftpd.conf").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.Fields(string(out))
}

// readers are patterns by which programs read lines of vsftpd.log: CrowdSec's of a refused login, for which a name may
// hold anything, and OSSEC's of a connection, a login, and a change.
var readers = map[string]*regexp.Regexp{
	"crowdsec":         regexp.MustCompile(`\w{3} \w{3} \s?\d{1,2} [\d:]{8} \d{4} \[pid \d+\] \[.*\] FAIL LOGIN: Client "(?:::ffff:)?([\d.]+)"`),
	"ossec connection": regexp.MustCompile(`^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} \[pid \d+\] CONNECT: Client "([\d.]+)"$`),
	"ossec login":      regexp.MustCompile(`^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} \[pid \d+\] \[\S+\] (?:OK|FAIL) LOGIN: Client "([\d.]+)"$`),
	"ossec change":     regexp.MustCompile(`^\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} \[pid \d+\] \[\S+\] OK \w+: Client "([\d.]+)", "`),
}

// matches returns how often a reader finds each address in a log.
func matches(t *testing.T, file string, reader *regexp.Regexp) map[string]int {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	all := map[string]int{}
	for line := range strings.Lines(string(text)) {
		if m := reader.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			all[m[1]]++
		}
	}
	return all
}

// Of the same sessions the logs have the same lines as those of Debian's vsftpd, and programs that read logs find the
// same in both.
func TestLogsAsVsftpd(t *testing.T) {
	h := newVsftpdHost(t)
	dir := t.TempDir()
	logs := func(name string) string {
		return fmt.Sprintf("dual_log_enable=YES\nvsftpd_log_file=%[1]s/%[2]s.log\nxferlog_file=%[1]s/%[2]s.xferlog\n", dir, name)
	}
	theirs, ours := filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
	addr := h.vsftpd(t, logs("theirs"))
	hasLines(t, theirs+".log", 1)
	require.NoError(t, os.Truncate(theirs+".log", 0)) // drops the connection that waited for the start
	for _, lines := range conversation {
		converse(t, addr, lines)
	}
	require.NoError(t, os.RemoveAll(filepath.Join(h.homes, "alice", "d1")))
	require.NoError(t, os.Remove(filepath.Join(h.homes, "alice", "a bé.txt")))
	p := h.ours(t, logs("ours"))
	for _, file := range []string{ours + ".log", ours + ".xferlog"} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		require.Zero(t, info.Sys().(*syscall.Stat_t).Uid)
	}
	for _, lines := range conversation {
		converse(t, p.fact(t, "explicit FTPS"), lines)
	}
	for _, log := range []string{".log", ".xferlog"} {
		want := alike(t, theirs+log)
		hasLines(t, ours+log, len(want))
		require.Equal(t, strings.Join(want, "\n"), strings.Join(alike(t, ours+log), "\n"))
		require.Greater(t, len(want), 10)
	}

	require.Equal(t, []string{"127.0.0.1", "127.0.0.1"}, found(t, ours+".log"))
	require.Equal(t, found(t, theirs+".log"), found(t, ours+".log"))
	for name, reader := range readers {
		require.NotEmpty(t, matches(t, theirs+".log", reader), name)
		require.Equal(t, matches(t, theirs+".log", reader), matches(t, ours+".log", reader), name)
	}
	require.Equal(t, aWStats(t, theirs+".xferlog"), aWStats(t, ours+".xferlog"))
}

// aWStats returns how many lines of a transfer log Debian's AWStats reads, all of which it has to understand.
func aWStats(t *testing.T, file string) (lines int) {
	t.Helper()
	const program = "/usr/lib/cgi-bin/awstats.pl"
	if _, err := os.Stat(program); err != nil {
		testenv.Missing(t, "AWStats (Debian: awstats): %v", err)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "awstats.ftp.conf"), fmt.Appendf(nil, `LogFile="%s"
LogType=F
LogFormat="%%time3 %%other %%host %%bytesd %%url %%other %%other %%method %%other %%logname %%other %%code %%other %%other"
LogSeparator="\s"
SiteDomain="ftp.example.com"
DirData="%s"
DNSLookup=0
`, file, dir), 0o600))
	out, err := exec.Command(program, "-config=ftp", "-configdir="+dir, "-update").CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "Found 0 corrupted records", "%s", out)
	m := regexp.MustCompile(`Found (\d+) new qualified records`).FindStringSubmatch(string(out))
	require.NotNil(t, m, "%s", out)
	lines, err = strconv.Atoi(m[1])
	require.NoError(t, err)
	require.Greater(t, lines, 3, "%s", out)
	return lines
}

// With log_ftp_protocol each command and reply has a line, in the order of the events, and passwords have none.
func TestProtocolLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p := start(t, "--insecure-plaintext", "--vsftpd-log", log, "--vsftpd-log-protocol")
	password := p.fact(t, "password")
	c := clearClient(t, p.fact(t, "explicit FTPS"))
	_, err := c.Expect(220)
	require.NoError(t, err)
	for _, line := range []string{"USER demo", "PASS wrong", "NOOP", "user demo", "PASS " + password, "PWD", "MKD d", "MKD d", "RETR none", "RETR", "QUIT"} {
		require.NoError(t, c.Send(line))
		_, err := c.ReadReply()
		require.NoError(t, err)
	}
	want := `[pid N] CONNECT: Client "127.0.0.1"
[pid N] FTP response: Client "127.0.0.1", "220 FTP server ready."
[pid N] FTP command: Client "127.0.0.1", "USER demo"
[pid N] [demo] FTP response: Client "127.0.0.1", "331 Password required."
[pid N] [demo] FTP command: Client "127.0.0.1", "PASS <password>"
[pid N] [demo] FAIL LOGIN: Client "127.0.0.1"
[pid N] [demo] FTP response: Client "127.0.0.1", "530 Login incorrect."
[pid N] FTP command: Client "127.0.0.1", "NOOP"
[pid N] FTP response: Client "127.0.0.1", "200 OK."
[pid N] FTP command: Client "127.0.0.1", "USER demo"
[pid N] [demo] FTP response: Client "127.0.0.1", "331 Password required."
[pid N] [demo] FTP command: Client "127.0.0.1", "PASS <password>"
[pid N] [demo] OK LOGIN: Client "127.0.0.1"
[pid N] [demo] FTP response: Client "127.0.0.1", "230 Logged in."
[pid N] [demo] FTP command: Client "127.0.0.1", "PWD"
[pid N] [demo] FTP response: Client "127.0.0.1", "257 "/" is the current directory."
[pid N] [demo] FTP command: Client "127.0.0.1", "MKD d"
[pid N] [demo] OK MKDIR: Client "127.0.0.1", "/d"
[pid N] [demo] FTP response: Client "127.0.0.1", "257 "/d" created."
[pid N] [demo] FTP command: Client "127.0.0.1", "MKD d"
[pid N] [demo] FTP response: Client "127.0.0.1", "550 Already exists."
[pid N] [demo] FAIL MKDIR: Client "127.0.0.1", "/d"
[pid N] [demo] FTP command: Client "127.0.0.1", "RETR none"
[pid N] [demo] FTP response: Client "127.0.0.1", "425 Use PASV or EPSV first."
[pid N] [demo] FTP command: Client "127.0.0.1", "RETR"
[pid N] [demo] FTP response: Client "127.0.0.1", "501 Usage: RETR <file>"
[pid N] [demo] FTP command: Client "127.0.0.1", "QUIT"
[pid N] [demo] FTP response: Client "127.0.0.1", "221 Goodbye."`
	hasLines(t, log, strings.Count(want, "\n")+1)
	require.Equal(t, want, strings.Join(alike(t, log), "\n"))
}

// A client that tries to have somebody else banned by what it calls itself and its files, gets itself banned alone.
func TestForgedLogs(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	p := start(t, "--insecure-plaintext", "--vsftpd-log", log, "--vsftpd-log-protocol", "--xferlog", filepath.Join(dir, "xferlog"))
	const forged = `x] FAIL LOGIN: Client "192.0.2.9"`
	addr := p.fact(t, "explicit FTPS")
	converse(t, addr, []string{"USER " + forged, "PASS " + forged, "USER " + forged + "\x0b[pid 1] [y] FAIL LOGIN: Client \"192.0.2.9\"", "PASS x", forged, "QUIT"})
	converse(t, addr, []string{"USER demo", "PASS " + p.fact(t, "password"), "STOR " + forged + "=1", "RETR " + forged, "MKD d" + forged, "RMD d" + forged, "RETR " + forged + "no", "QUIT"})
	p.terminate(t)
	require.Zero(t, p.end(t))
	require.Equal(t, []string{"127.0.0.1", "127.0.0.1"}, found(t, log))
	require.Equal(t, map[string]int{"127.0.0.1": 2}, matches(t, log, readers["crowdsec"]))
	require.Contains(t, alike(t, log), `[pid N] [demo] OK UPLOAD: Client "127.0.0.1", "/x] FAIL LOGIN: Client ?192.0.2.9?", 1 bytes, R`)
	require.Contains(t, alike(t, filepath.Join(dir, "xferlog")), `1 127.0.0.1 1 /x]_FAIL_LOGIN:_Client_?192.0.2.9? a _ i r demo ftp 0 * c`)
}

// The address in lines is the one that a PROXY header tells. A connection that was one too many has a line of its own.
func TestLogBehindProxy(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	c := startControlled(t, "--proxy-protocol", "127.0.0.5", "--max-sessions-per-address", "1", "--vsftpd-log", log)
	for _, client := range []string{"198.51.100.7", "198.51.100.7"} {
		conn := c.from(t, "127.0.0.5", "explicit")
		_, err := fmt.Fprintf(conn, "PROXY TCP4 %s 127.0.0.1 4711 21\r\n", client)
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.False(t, os.IsTimeout(err))
	}
	c.terminate(t)
	require.Zero(t, c.end(t))
	lines := alike(t, log)
	require.Contains(t, lines, `[pid N] CONNECT: Client "198.51.100.7"`)
	require.Contains(t, lines, `[pid N] CONNECT: Client "198.51.100.7", "Connection refused: too many sessions for this address."`)
}

// A file that was renamed is there again after SIGHUP, before there is a line for it, and otherwise with the next line.
// Lines of a server that is split go by way of the keeper, which has the files.
func TestLogRotation(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	s := startSplit(t, fmt.Sprintf("vsftpd-log = %q", log), 3)
	require.NoError(t, s.mustDial(t, "alice").Put("STOR one", "12345"))
	has := func(file, text string) {
		t.Helper()
		require.Eventually(t, func() bool {
			got, _ := os.ReadFile(file)
			return strings.Contains(string(got), text)
		}, time.Minute, 10*time.Millisecond, "%s: %s", file, text)
	}
	has(log, `[alice] OK UPLOAD: Client "127.0.0.1", "/one", 5 bytes, `)
	require.NoError(t, os.Rename(log, log+".1"))
	require.NoError(t, s.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { _, err := os.Stat(log); return err == nil }, time.Minute, 10*time.Millisecond)
	info, err := os.Stat(log)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.NoError(t, s.mustDial(t, "alice").Put("STOR two", "12345"))
	has(log, `"/two", 5 bytes, `)
	require.NoError(t, os.Rename(log, log+".2"))
	require.NoError(t, s.mustDial(t, "alice").Put("STOR three", "12345"))
	has(log, `"/three", 5 bytes, `)
}

// Lines go to the standard output of a container, under each of its names.
func TestLogToStandardOutput(t *testing.T) {
	testenv.NeedRoot(t)
	unshare := testenv.NeedBinary(t, "unshare")
	for _, name := range []string{"/dev/stderr", "/proc/1/fd/2"} { // as stdout, which the test reads only in part
		p := startWith(t, func(cmd *exec.Cmd) {
			cmd.Args = append([]string{unshare, "--pid", "--fork", "--kill-child", "--mount-proc", cmd.Path}, cmd.Args[1:]...)
			cmd.Path = unshare
		}, "--insecure-plaintext", "--vsftpd-log", name)
		clearClient(t, p.fact(t, "explicit FTPS"))
		require.Eventually(t, func() bool {
			return strings.Contains(p.log.String(), `CONNECT: Client "127.0.0.1"`+"\n")
		}, time.Minute, 10*time.Millisecond, name)
	}
}

// A log that can't be opened keeps the server from starting, with the place of vsftpd's option.
func TestLogThatCannotBe(t *testing.T) {
	file := vsftpdFile(t, strings.ReplaceAll(harmless, "DIR", t.TempDir())+"ssl_enable=NO\nxferlog_enable=YES\nvsftpd_log_file="+filepath.Join(t.TempDir(), "missing", "log")+"\n")
	out, _, status := said(t, file, "--check")
	require.Equal(t, 2, status)
	require.Regexp(t, `would not start: F:12: vsftpd-log: stat .*/missing: no such file`, out)
	program, err := binary()
	require.NoError(t, err)
	text, err := exec.Command(program, "vsftpd", file, "-olisten_port=0").CombinedOutput()
	require.Error(t, err)
	require.Regexp(t, `vsftpd.conf:12: vsftpd-log: stat .*/missing: no such file`, string(text))
}

// Lines go to syslog with the name, facility and levels of vsftpd.
func TestLogToSyslog(t *testing.T) {
	testenv.NeedRoot(t)
	unshare := testenv.NeedBinary(t, "unshare")
	dir := t.TempDir()
	fake := fakeJournal(t, filepath.Join(dir, "log"))
	p := startWith(t, func(cmd *exec.Cmd) {
		script := `mkdir "$0/dev" && mount --rbind /dev "$0/dev" && mount -t tmpfs none /dev || exit 1
for f in null zero random urandom; do : >/dev/$f && mount --bind "$0/dev/$f" /dev/$f || exit 1; done
: >/dev/log && mount --bind "$0/log" /dev/log && exec "$@"`
		cmd.Args = append([]string{unshare, "--mount", "sh", "-c", script, dir, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = unshare
	}, "--insecure-plaintext", "--vsftpd-syslog")
	converse(t, p.fact(t, "explicit FTPS"), []string{"USER mallory", "PASS x", "USER demo", "PASS " + p.fact(t, "password"), "QUIT"})
	require.NoError(t, fake.SetReadDeadline(time.Now().Add(time.Minute)))
	var got []string
	for range 3 {
		buf := make([]byte, 1<<16)
		n, err := fake.Read(buf)
		require.NoError(t, err)
		got = append(got, regexp.MustCompile(`\w{3} [ \d]\d [\d:]{8}`).ReplaceAllString(string(buf[:n]), "DATE"))
	}
	number := regexp.MustCompile(`\[\d+\]`).FindString(got[0])
	require.Equal(t, []string{
		`<94>DATE vsftpd` + number + `: CONNECT: Client "127.0.0.1"`,
		`<92>DATE vsftpd` + number + `: [mallory] FAIL LOGIN: Client "127.0.0.1"`,
		`<94>DATE vsftpd` + number + `: [demo] OK LOGIN: Client "127.0.0.1"`,
	}, got)
}
