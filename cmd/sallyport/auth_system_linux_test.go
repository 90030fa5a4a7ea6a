package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// hostUsers are the users of a made-up host: its files of users, and their homes.
type hostUsers struct {
	etc, homes string
	next       int
}

// firstHostUID is the UID of the first of these users, and staffGID the GID of a group that no real host has.
const (
	firstHostUID = 20100
	staffGID     = 20099
)

// newHostUsers makes a host without users.
func newHostUsers(t *testing.T) *hostUsers {
	t.Helper()
	testenv.NeedRoot(t)
	dir, err := os.MkdirTemp("", "sallyport-host-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	h := &hostUsers{etc: filepath.Join(dir, "etc"), homes: filepath.Join(dir, "home"), next: firstHostUID}
	require.NoError(t, os.Mkdir(h.etc, 0o755))
	require.NoError(t, os.Mkdir(h.homes, 0o755))
	h.add(t, "passwd", "root:x:0:0:root:/root:/bin/sh\n")
	h.add(t, "shadow", "root:"+hash+":19999:0:99999:7:::\n")
	require.NoError(t, os.Chmod(h.file("shadow"), 0o600))
	h.add(t, "group", "root:x:0:\n")
	h.add(t, "shells", "/bin/sh\n/usr/sbin/nologin\n")
	return h
}

func (h *hostUsers) file(name string) string { return filepath.Join(h.etc, name) }

// add adds lines to a file.
func (h *hostUsers) add(t *testing.T, name, lines string) {
	t.Helper()
	f, err := os.OpenFile(h.file(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = f.WriteString(lines)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// user adds a user with a shell and the fields of the shadow file behind the name, and returns the UID.
func (h *hostUsers) user(t *testing.T, name, shell, shadow string) (uid int) {
	t.Helper()
	uid = h.next
	h.next++
	home := filepath.Join(h.homes, name)
	h.add(t, "passwd", fmt.Sprintf("%s:x:%d:%d:%s:%s:%s\n", name, uid, uid, name, home, shell))
	h.add(t, "shadow", name+":"+shadow+"\n")
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, uid, uid))
	return uid
}

// start starts a server for these users, with more options and tables.
func (h *hostUsers) start(t *testing.T, more string) controlled {
	t.Helper()
	c := controlled{configured: configured{file: configure(t, h.text(more))}, socket: filepath.Join(t.TempDir(), "control.sock")}
	c.process = startWith(t, func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--config", c.file, "--control", c.socket) })
	return c
}

func (h *hostUsers) text(more string) string {
	return fmt.Sprintf("run-as = \"20000:20000\"\nsystem-users = true\nsystem-users-dir = %q\n%s", h.etc, more)
}

// mkpasswd returns the hash of "secret" that Debian's mkpasswd makes.
func mkpasswd(t *testing.T, kind ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testenv.NeedBinary(t, "mkpasswd"), append([]string{"-s", "-m"}, kind...)...)
	cmd.Stdin = strings.NewReader("secret\n")
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// Users of the host log in by the hashes that the host's own programs make, and own the files that they store.
func TestSystemUsers(t *testing.T) {
	curl := testenv.NeedBinary(t, "curl")
	h := newHostUsers(t)
	uids := map[string]int{}
	for name, kind := range map[string][]string{
		"yes": {"yescrypt"}, "six": {"sha512crypt"}, "five": {"sha256crypt"}, "bcrypt": {"bcrypt", "-R", "5"}, "old": {"bcrypt-a", "-R", "5"},
	} {
		uids[name] = h.user(t, name, "/bin/sh", mkpasswd(t, kind...)+":19999:0:99999:7:::")
	}
	h.add(t, "group", fmt.Sprintf("staff:x:%d:six,yes\n", staffGID))
	c := h.start(t, "")
	c.wantLog(t, "NSS is not asked")
	require.Contains(t, c.banner, "those of "+h.file("passwd")+"\n")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("hello"), 0o644))
	for name, uid := range uids {
		url := "ftp://" + c.fact(t, "explicit FTPS") + "/"
		try := func(password string, more ...string) (string, error) {
			args := append([]string{"-sS", "-k", "--ssl-reqd", "--user", name + ":" + password}, more...)
			out, err := exec.CommandContext(t.Context(), curl, args...).CombinedOutput()
			return string(out), err
		}
		out, err := try("secret", "--upload-file", file, url)
		require.NoError(t, err, "%s: %s", name, out)
		info, err := os.Stat(filepath.Join(h.homes, name, "file"))
		require.NoError(t, err)
		require.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Uid, name)
		require.EqualValues(t, uid, info.Sys().(*syscall.Stat_t).Gid, name)
		out, err = try("secret", url+"file")
		require.NoError(t, err, "%s: %s", name, out)
		require.Equal(t, "hello", out)
		out, err = try("Secret", url)
		require.Error(t, err, name)
		require.Contains(t, out, "530")
	}
	for _, p := range told[status](t, c, "status").Processes {
		if p.Part == partHand {
			want := ""
			if p.UID == uids["six"] || p.UID == uids["yes"] {
				want = strconv.Itoa(staffGID)
			}
			require.Equal(t, want, of(t, p.PID, "Groups"), "%+v", p)
		}
	}

	// Checks that a change of the files counts at once.
	h.user(t, "late", "/bin/sh", hash+":19999:0:99999:7:::")
	_, err := c.dial(t, "late")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(h.file("shadow"), []byte("late:!"+hash+":19999:0:99999:7:::\n"), 0o600))
	c.wantRefused(t, "late", "secret", "530 Login incorrect.", "the password is locked")
}

// A user who may not log in learns only that, except with the right password.
func TestSystemUsersRefused(t *testing.T) {
	h := newHostUsers(t)
	for name, shadow := range map[string]string{
		"locked": "!" + hash + ":19999:0:99999:7:::", "starred": "*:19999:0:99999:7:::", "empty": ":19999:0:99999:7:::", "md5": "$1$salt$qJH7.N4xYta3aEG/dfqo/0:19999:0:99999:7:::",
		"gone": hash + ":19999:0:99999:7::1:", "stale": hash + ":1:0:1:7:1::", "new": hash + ":0:0:99999:7:::", "banished": hash + ":19999:0:99999:7:::", "good": hash + ":19999:0:99999:7:::",
	} {
		h.user(t, name, "/bin/sh", shadow)
	}
	h.user(t, "bot", "/usr/sbin/nologin", hash+":19999:0:99999:7:::")
	h.user(t, "odd", "/bin/odd", hash+":19999:0:99999:7:::")
	h.add(t, "ftpusers", "banished\n")
	h.add(t, "passwd", "service:x:999:999::/:/bin/sh\nengine:x:20000:20000::/:/bin/sh\nunlisted:x:20098:20098::/:/bin/sh\nlost:x:20097:20097::home:/bin/sh\n")
	h.add(t, "shadow", "service:"+hash+":::::::\nengine:"+hash+":::::::\nlost:"+hash+":::::::\n")
	var c controlled
	asked := 0
	for name, log := range map[string]string{
		"locked": "the password is locked", "starred": "the password is locked", "empty": "the user has no password", "md5": "hashes that begin with $1$ are not accepted",
		"bot": "nologin", "odd": "/bin/odd", "banished": "ftpusers names the user", "root": "is root, with whose rights nothing is done", "service": "has the number 999, below",
		"engine": "is the user of", "unlisted": "the shadow file has no line of the user", "lost": "is no absolute path", "nobody-has-it": "nobody has the name",
	} {
		if asked++; asked%8 == 1 { // the log of one server has ten lines of a kind in a minute
			c = h.start(t, "")
		}
		c.wantRefused(t, name, "secret", "530 Login incorrect.", log)
	}
	c = h.start(t, "")
	for name, reply := range map[string]string{"gone": "530 This account has expired.", "stale": "530 The password has expired. Ask for a new one.", "new": "530 The password has to be changed first"} {
		c.wantRefused(t, name, "secret", reply, name)
		c.wantRefused(t, name, "wrong", "530 Login incorrect.", "the password is wrong")
	}
	_, err := c.dial(t, "good")
	require.NoError(t, err)
	for _, p := range told[status](t, c, "status").Processes {
		require.False(t, p.Part == partHand && p.UID < firstHostUID, "%+v", p)
	}
}

// A group's table holds for all users of the host, and a template for homes replaces their own homes.
func TestSystemUsersGroup(t *testing.T) {
	h := newHostUsers(t)
	uid := h.user(t, "alice", "/bin/sh", hash+":19999:0:99999:7:::")
	in := filepath.Join(h.homes, "ftp-alice")
	require.NoError(t, os.Mkdir(in, 0o700))
	require.NoError(t, os.Chown(in, uid, uid))
	tables := fmt.Sprintf("system-users-group = \"hosted\"\n[group.hosted]\nhome = %q\nquota = \"4 B\"\n", filepath.Join(h.homes, "ftp-{user}"))
	c := h.start(t, tables)
	a, err := c.dial(t, "alice")
	require.NoError(t, err)
	require.NoError(t, a.Put("STOR a", "1234"))
	require.ErrorContains(t, a.Put("STOR b", "5"), "552")
	require.FileExists(t, filepath.Join(in, "a"))

	c.rewrite(t, h.text("[group.hosted]\n"), reread)
	a, err = c.dial(t, "alice")
	require.NoError(t, err)
	require.NoError(t, a.Put("STOR own", "12345678"))
	require.FileExists(t, filepath.Join(h.homes, "alice", "own"))
}

// If the configuration has a name, too, the configuration's user counts, as check and log say.
func TestSystemUsersHidden(t *testing.T) {
	h := newHostUsers(t)
	h.user(t, "alice", "/bin/sh", hash+":19999:0:99999:7:::")
	h.user(t, "ftp", "/bin/sh", hash+":19999:0:99999:7:::")
	other := mkpasswd(t, "bcrypt", "-R", "5")
	c := h.start(t, fmt.Sprintf("[user.alice]\npassword = %q\nhome = %q\nsystem-user = \"20001:20001\"\nread-only = true\n[anonymous]\nhome = %q\nsystem-user = \"20001:20001\"\n", other, h.homes, h.homes))
	for _, want := range []string{
		fmt.Sprintf(`%s:2: user "alice" is at %s:4:7, too, and that one counts`, h.file("passwd"), c.file),
		fmt.Sprintf(`%s:3: user "ftp" is at %s:9:2, too, and that one counts`, h.file("passwd"), c.file),
	} {
		require.Contains(t, output(t, "config", "check", h.homes, "--config", c.file, "--control="), want)
		c.wantLog(t, strings.ReplaceAll(want, `"`, `\"`))
	}
	require.NoError(t, os.WriteFile(h.file("shadow"), []byte("alice:"+mkpasswd(t, "bcrypt", "-R", "4")+":19999:0:99999:7:::\n"), 0o600))
	_, err := c.with(t, "alice", "wrong")
	require.ErrorContains(t, err, "530")
	a, err := c.dial(t, "alice")
	require.NoError(t, err)
	require.ErrorContains(t, a.Put("STOR x", "x"), "550")
}

// While the files can't be read, or the process that judges is killed or hangs, every login gets 421.
func TestSystemUsersDown(t *testing.T) {
	t.Parallel()
	h := newHostUsers(t)
	h.user(t, "alice", "/bin/sh", hash+":19999:0:99999:7:::")
	h.user(t, "slow", "/bin/sh", mkpasswd(t, "yescrypt", "-R", "9")+":19999:0:99999:7:::")
	c := h.start(t, "")
	const down = "421 Logins can't be checked just now; try again later."
	away := h.file("shadow") + ".away"
	require.NoError(t, os.Rename(h.file("shadow"), away))
	c.wantRefused(t, "alice", "secret", down, "no such file or directory")
	c.wantRefused(t, "nobody-has-it", "secret", down, "no such file or directory")
	require.NoError(t, syscall.Mkfifo(h.file("shadow"), 0o600))
	c.wantRefused(t, "alice", "secret", down, "is no regular file")
	out, code := c.ask(t, nil, "reload")
	require.Equal(t, statusUsage, code)
	require.Contains(t, out, "is no regular file")
	require.NoError(t, os.Rename(away, h.file("shadow")))
	_, err := c.dial(t, "alice")
	require.NoError(t, err)

	for sig, log := range map[syscall.Signal]string{syscall.SIGKILL: "has ended", syscall.SIGSTOP: "no answer within 10s"} {
		hit := make(chan error, 1)
		go func() { hit <- signalJudge(c.Process.Pid, sig) }()
		c.wantRefused(t, "slow", "secret", down, log)
		require.NoError(t, <-hit)
	}
	_, err = c.dial(t, "alice")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(judgesOf(c.Process.Pid)) == 0 }, 10*time.Second, 10*time.Millisecond, "none is left over")
}

// judgesOf returns the processes that judge logins for a keeper.
func judgesOf(keeper int) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range all {
		line, _ := os.ReadFile(file)
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		if string(line) == "sallyport\x00part\x00"+partJudge+"\x00" && len(fields) > 1 && fields[1] == strconv.Itoa(keeper) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// signalJudge sends a signal to the next process that judges a login.
func signalJudge(keeper int, sig syscall.Signal) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if all := judgesOf(keeper); len(all) > 0 {
			return syscall.Kill(slices.Max(all), sig)
		}
	}
	return fmt.Errorf("nobody judges")
}

// Mistakes in the options are reported with their place and the cure.
func TestSystemUsersMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"system-users = true", `F:1:1: system-users needs --run-as: one process would touch the files of all with its own rights; have root start the server on Linux with run-as = "sallyport", or give users tables`},
		{"run-as = \"20000:20000\"\nsystem-users = true\nsystem-users-group = \"hostd\"\n[group.hosted]", `F:3:1: system-users-group: there is no group "hostd"; did you mean hosted?`},
		{"run-as = \"20000:20000\"\nsystem-users = true\nsystem-users-group = \"x\"", `F:3:1: system-users-group: there is no group "x"; begin one by [group.x]`},
		{"run-as = \"20000:20000\"\nsystem-users = true\nsystem-users-group = \"x\"\n[group.x]\nsystem-user = \"ftp\"", `F:5:1: users of this host have their own rights; leave system-user out, or name another group in F:3:1: system-users-group`},
		{"run-as = \"20000:20000\"\nsystem-users = true\nsystem-users-group = \"x\"\n[group.x]\nhome = \"{user}\"", `F:5:1: the home "{user}" is in the directory that is served, and there is none; want an absolute path`},
		{"run-as = \"20000:20000\"\nsystem-users = true\nsystem-users-dir = \"etc\"", `F:3:1: system-users-dir: "etc" is no absolute path; want one such as /etc`},
		{"run-as = \"20000:20000\"\npam = true\nsystem-users-group = \"x\"", `F:3:1: system-users-group: there is no group "x"; begin one by [group.x]`},
		{"run-as = \"20000:20000\"\nsystem-users = true", ""},
	} {
		got := strings.ReplaceAll(complaints(t, configure(t, c.text), nil, nil), "sallyport.toml", "F")
		if c.want == "" {
			require.Empty(t, got, c.text)
			continue
		}
		require.Contains(t, got, c.want, c.text)
	}
}

// The check tells which other sources of users the host has, and who can read its hashes; the start needs the
// files.
func TestSystemUsersCheck(t *testing.T) {
	h := newHostUsers(t)
	h.add(t, "nsswitch.conf", "passwd:\tfiles sss [NOTFOUND=return] systemd ldap # as installed\ngroup: files nis\n")
	require.NoError(t, os.Chmod(h.file("shadow"), 0o644))
	file := configure(t, h.text(""))
	got := output(t, "config", "check", "--config", file, "--control=")
	require.Contains(t, got, file+":2:1: system-users: users of sss, ldap stand in no file, and can't log in: NSS is not asked")
	require.Contains(t, got, h.file("shadow")+": every user of this host can read it")
	require.Regexp(t, `system-users = true +# `+file+`:2:1\n`, output(t, "config", "show", "--config", file))
	off := configure(t, "system-users-group = \"x\"")
	require.Contains(t, output(t, "config", "check", h.homes, "--config", off, "--control="), off+":1:1: system-users-group means nothing without --system-users or --pam")
	require.NoError(t, os.Remove(h.file("shadow")))
	cmd := exec.Command(mustBinary(t), "serve", "--config", file, "--listen", "127.0.0.1:0", "--listen-implicit=", "--passive", testenv.FreePortSet(t, 1), "--control=")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), file+":2:1: system-users needs the file: stat "+h.file("shadow")+": no such file or directory; on a host that keeps its users elsewhere")
}

// mustBinary returns the program under test.
func mustBinary(t *testing.T) string {
	t.Helper()
	file, err := binary()
	require.NoError(t, err)
	return file
}
