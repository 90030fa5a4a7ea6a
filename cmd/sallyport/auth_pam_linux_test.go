package main

import (
	stdtls "crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// helper builds sallyport-pam once, in another directory than the server.
var helper = sync.OnceValues(func() (string, error) {
	file := filepath.Join(buildDir, "pam", usualHelper)
	cmd := exec.Command("go", "build", "-tags", "pam", "-o", file, ".")
	cmd.Dir, cmd.Env = filepath.Join("..", usualHelper), append(os.Environ(), "GOWORK=off", "CGO_ENABLED=1", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return file, nil
})

// pamHost is a host with users, and with PAM rules for them. The server sees its files in place of those in
// /etc.
type pamHost struct {
	*hostUsers
	helper string
	notes  string // has a line for each time that PAM has run the script
	uid    int    // the UID of alice
}

// newPAMHost makes a host whose PAM accepts some users, alice among them.
func newPAMHost(t *testing.T) *pamHost {
	t.Helper()
	h := &pamHost{hostUsers: newHostUsers(t)}
	testenv.NeedBinary(t, "unshare")
	if _, err := os.Stat("/usr/include/security/pam_appl.h"); err != nil {
		testenv.Missing(t, "libpam's headers (Debian: libpam0g-dev): %v", err)
	}
	var err error
	h.helper, err = helper()
	require.NoError(t, err)
	h.notes = filepath.Join(filepath.Dir(h.etc), "notes")
	script := h.file("script")
	h.add(t, "script", "#!/bin/sh\necho \"$PAM_TYPE $PAM_USER $PAM_RHOST $PAM_TTY\" >>"+h.notes+`
case $PAM_TYPE-$PAM_USER in
auth-slow) sleep 600 ;;
open_session-unlucky) exit 1 ;;
esac
`)
	require.NoError(t, os.Chmod(script, 0o755))
	require.NoError(t, os.Mkdir(h.file("pam.d"), 0o755))
	h.add(t, "pam.d/sallyport", strings.ReplaceAll(`auth required pam_listfile.so onerr=fail item=user sense=allow file=ETC/allowed
auth required pam_exec.so quiet ETC/script
auth required pam_unix.so nodelay
account required pam_unix.so
account required pam_listfile.so onerr=succeed item=user sense=deny file=ETC/denied
session required pam_exec.so quiet ETC/script
session required pam_limits.so conf=ETC/limits
session required pam_umask.so umask=0027
session required pam_permit.so
`, "ETC", h.etc))
	h.add(t, "allowed", "alice\nbob\nlate\nstale\nslow\nunlucky\nroot\nservice\nsomebody\n")
	h.add(t, "denied", "bob\n")
	h.add(t, "limits", "alice - nofile 234\n")
	good := mkpasswd(t, "yescrypt") + ":19999:0:99999:7:::"
	h.uid = h.user(t, "alice", "/bin/sh", good)
	for _, name := range []string{"bob", "slow", "unlucky", "unlisted"} {
		h.user(t, name, "/bin/sh", good)
	}
	h.user(t, "late", "/bin/sh", hash+":19999:0:99999:7::1:")
	h.user(t, "stale", "/bin/sh", hash+":0:0:99999:7:::")
	h.add(t, "passwd", "service:x:999:999::/:/bin/sh\n")
	h.add(t, "shadow", "service:"+hash+":19999:0:99999:7:::\n")
	h.add(t, "group", fmt.Sprintf("staff:x:%d:alice\n", staffGID))
	return h
}

// start starts a server on the host, with more options and tables.
func (h *pamHost) start(t *testing.T, more string) controlled {
	t.Helper()
	text := fmt.Sprintf("run-as = \"20000:20000\"\npam = true\npam-helper = %q\n%s", h.helper, more)
	c := controlled{configured: configured{file: configure(t, text)}, socket: filepath.Join(t.TempDir(), "control.sock")}
	c.process = startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--config", c.file, "--control", c.socket)
		h.inside(t, cmd)
	})
	return c
}

// inside has a command see the files of the host.
func (h *pamHost) inside(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	script := "set -e\n"
	for _, name := range []string{"passwd", "shadow", "group", "pam.d", "hosts.allow", "hosts.deny"} {
		if _, err := os.Stat(h.file(name)); err != nil {
			continue
		}
		script += fmt.Sprintf("mount --bind %s /etc/%s\n", h.file(name), name)
	}
	args := append([]string{"unshare", "--mount", "sh", "-c", script + "exec \"$@\"", "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.Args = testenv.NeedBinary(t, "unshare"), args
}

// noted returns the lines of a kind in notes.
func (h *pamHost) noted(t *testing.T, kind string) (lines []string) {
	t.Helper()
	text, _ := os.ReadFile(h.notes)
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, kind) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// PAM decides on logins, and opens one session for each hand.
func TestPAM(t *testing.T) {
	curl := testenv.NeedBinary(t, "curl")
	h := newPAMHost(t)
	c := h.start(t, "")
	require.Contains(t, c.banner, "those of PAM (service sallyport)\n")
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte("hello"), 0o644))
	out, err := exec.CommandContext(t.Context(), curl, "-sS", "-k", "--ssl-reqd", "--user", "alice:secret", "--upload-file", file, "ftp://"+c.fact(t, "explicit FTPS")+"/").CombinedOutput()
	require.NoError(t, err, "%s", out)
	info, err := os.Stat(filepath.Join(h.homes, "alice", "file"))
	require.NoError(t, err)
	require.EqualValues(t, h.uid, info.Sys().(*syscall.Stat_t).Uid)
	require.Equal(t, "-rw-r-----", info.Mode().String(), "by pam_umask")
	require.Contains(t, h.noted(t, "auth"), "auth alice 127.0.0.1 ftp")

	a, err := c.dial(t, "alice")
	require.NoError(t, err)
	require.NoError(t, a.Put("STOR again", "x"))
	require.Len(t, h.noted(t, "open_session alice"), 1, "one session for the hand that both logins have")
	require.Empty(t, h.noted(t, "close_session"))
	killed := 0
	for _, p := range told[status](t, c, "status").Processes {
		if p.Part == partHand {
			require.Equal(t, fmt.Sprint(staffGID), of(t, p.PID, "Groups"))
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.PID))
			require.NoError(t, err)
			require.Regexp(t, `Max open files +234 +234`, string(limits))
			require.Regexp(t, `Max core file size +0 +0`, string(limits))
			require.Equal(t, fmt.Sprint(c.Process.Pid), of(t, p.PID, "PPid"), "the helper has started the hand as a child of the keeper")
			require.NoError(t, syscall.Kill(p.PID, syscall.SIGKILL))
			killed++
		}
	}
	require.Equal(t, 1, killed)
	closed := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return len(h.noted(t, "close_session alice")) == n }, 10*time.Second, 10*time.Millisecond)
	}
	closed(1)
	var again *ftpclient.Client
	require.Eventually(t, func() bool { again, err = c.dial(t, "alice"); return err == nil }, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, again.Put("STOR third", "x"))
	require.Len(t, h.noted(t, "open_session alice"), 2)
	require.NoError(t, c.Process.Kill())
	closed(2) // the helpers have closed them, since the keeper had no time to
}

// Sessions of PAM stay open over an upgrade, and are closed when their hands end.
func TestPAMUpgrade(t *testing.T) {
	h := newPAMHost(t)
	c := h.start(t, "")
	login := func() *ftpclient.Client {
		t.Helper()
		a, err := ftpclient.Dial(c.fact(t, "explicit FTPS"), false, &stdtls.Config{InsecureSkipVerify: true}, "alice", "secret")
		require.NoError(t, err)
		return a
	}
	old := login()
	require.NoError(t, old.Put("STOR before", "x"))
	out, code := c.ask(t, nil, "upgrade")
	require.Zero(t, code, out)
	require.NoError(t, old.Put("STOR after", "x"))
	require.Empty(t, h.noted(t, "close_session"))
	young := login()
	require.NoError(t, young.Put("STOR young", "x"))
	require.Len(t, h.noted(t, "open_session alice"), 2, "each engine has a hand of its own")
	closed := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { return len(h.noted(t, "close_session alice")) == n }, time.Minute, 10*time.Millisecond)
	}
	require.NoError(t, old.Close())
	closed(1)
	require.NoError(t, young.Put("STOR again", "x"))
	out, code = c.ask(t, nil, "upgrade") // and with an engine that the keeper has started after an upgrade
	require.Zero(t, code, out)
	require.NoError(t, young.Put("STOR last", "x"))
	require.NoError(t, c.Process.Kill())
	closed(2)
}

// Users whom PAM refuses are refused; the log says by which call and why.
func TestPAMRefuses(t *testing.T) {
	h := newPAMHost(t)
	c := h.start(t, "")
	for name, log := range map[string]string{
		"unlisted": "pam_authenticate: ", "bob": "pam_acct_mgmt: ", "somebody": "pam_authenticate: ", "root": "is root, with whose rights nothing is done", "service": "has the number 999, below",
	} {
		c.wantRefused(t, name, "secret", "530 Login incorrect.", log)
	}
	c.wantRefused(t, "alice", "wrong", "530 Login incorrect.", "pam_authenticate: ")
	c.wantRefused(t, "late", "secret", "530 This account has expired.", "pam_acct_mgmt: ")
	c.wantRefused(t, "stale", "secret", "530 The password has expired.", "pam_acct_mgmt: ")
	c.wantRefused(t, "late", "wrong", "530 Login incorrect.", "pam_authenticate: ")
	require.Empty(t, h.noted(t, "open_session"))
}

// While PAM can't tell, or the helper hangs or is killed, every login gets 421. No helper is left running.
func TestPAMDown(t *testing.T) {
	t.Parallel()
	const down = "421 Logins can't be checked just now; try again later."
	h := newPAMHost(t)
	c := h.start(t, "")
	c.wantRefused(t, "unlucky", "secret", "421 Logins are not possible at the moment.", "PAM opens no session of user")
	c.wantRefused(t, "slow", "secret", down, "no answer within 10s")
	hit := make(chan error, 1)
	go func() { hit <- killHelper(c.Process.Pid) }()
	c.wantRefused(t, "slow", "secret", down, "has ended without an answer: signal: killed")
	require.NoError(t, <-hit)
	require.NoError(t, os.Remove(h.file("allowed")))
	c.wantRefused(t, "alice", "secret", down, "pam_authenticate: ")
	h.add(t, "allowed", "alice\n")
	_, err := c.dial(t, "alice")
	require.NoError(t, err)
}

// killHelper kills the next helper that asks PAM about a user who is judged slowly.
func killHelper(keeper int) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		all, _ := exec.Command("pgrep", "--parent", fmt.Sprint(keeper), "--exact", usualHelper).Output()
		for pid := range strings.FieldsSeq(string(all)) {
			if sleeping, _ := exec.Command("pgrep", "--parent", pid).Output(); len(sleeping) > 0 {
				return exec.Command("kill", "-9", pid).Run()
			}
		}
	}
	return fmt.Errorf("nobody asks PAM")
}

// PAM is not asked if an earlier source is down or knows the name.
func TestPAMAfterSystemUsers(t *testing.T) {
	h := newPAMHost(t)
	c := h.start(t, fmt.Sprintf("system-users = true\nsystem-users-dir = %q\n", h.etc))
	a, err := c.dial(t, "alice")
	require.NoError(t, err)
	require.NoError(t, a.Put("STOR x", "x"))
	_, err = c.with(t, "alice", "wrong")
	require.ErrorContains(t, err, "530")
	require.NoError(t, os.Rename(h.file("shadow"), h.file("shadow.away")))
	for _, name := range []string{"alice", "somebody"} {
		c.wantRefused(t, name, "secret", "421 Logins can't be checked just now; try again later.", "no such file or directory")
	}
	require.Empty(t, h.noted(t, ""), "PAM was not asked")

	tables := fmt.Sprintf("[user.alice]\npassword = %q\nhome = %q\nsystem-user = \"20001:20001\"\n", hash, h.homes)
	file := configure(t, fmt.Sprintf("run-as = \"20000:20000\"\npam = true\npam-helper = %q\nsystem-users = true\nsystem-users-dir = %q\n%s", h.helper, h.etc, tables))
	require.NoError(t, os.Rename(h.file("shadow.away"), h.file("shadow")))
	cmd := exec.Command(mustBinary(t), "config", "check", "--config", file, "--control=")
	h.inside(t, cmd)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), file+":2:1: pam: PAM is asked about those only whom "+file+":4:1: system-users doesn't know")
	require.Contains(t, string(out), fmt.Sprintf(`%s:2: user "alice" is at %s:6:7, too, and that one counts`, h.file("passwd"), file))
}

// A helper that is missing or was built without PAM, and a service that PAM doesn't know, are reported at the
// start.
func TestPAMMistakes(t *testing.T) {
	testenv.NeedRoot(t)
	for _, c := range []struct{ text, want string }{
		{"pam = true", `F:1:1: pam needs --run-as: one process would touch the files of all with its own rights`},
		{"run-as = \"20000:20000\"\npam = true\npam-service = \"a/b\"", `F:3:1: pam-service: "a/b" is no name of a service; want one such as sallyport, whose file is /etc/pam.d/sallyport`},
		{"run-as = \"20000:20000\"\npam = true\npam-helper = \"sallyport-pam\"", `F:3:1: pam-helper: "sallyport-pam" is no absolute path; want one such as /usr/local/bin/sallyport-pam`},
	} {
		require.Contains(t, strings.ReplaceAll(complaints(t, configure(t, c.text), nil, nil), "sallyport.toml", "F"), c.want, c.text)
	}
	stub := filepath.Join(t.TempDir(), usualHelper)
	cmd := exec.Command("go", "build", "-o", stub, ".")
	cmd.Dir, cmd.Env = filepath.Join("..", usualHelper), append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for line, want := range map[string]string{
		"":                                       `:2:1: pam: there is no ` + filepath.Join(filepath.Dir(mustBinary(t)), usualHelper) + `, which asks PAM; build it (go install -tags pam `,
		"pam-helper = \"/nowhere/helper\"":       `:3:1: pam-helper: there is no /nowhere/helper, which asks PAM; build it`,
		"pam-helper = \"/bin/false\"":            `:3:1: pam-helper: /bin/false: /bin/false has ended without an answer: exit status 1`,
		fmt.Sprintf("pam-helper = %q", stub):     `:3:1: pam-helper: ` + stub + `: this program was built without PAM: on Linux, with cgo and libpam's headers (Debian: apt install gcc libpam0g-dev), build it with -tags pam`,
		"pam-service = \"sallyport-unheard-of\"": `:3:1: pam-service: PAM has no file /etc/pam.d/sallyport-unheard-of, and would ask those of "other"`,
	} {
		file := configure(t, "run-as = \"20000:20000\"\npam = true\n"+line)
		cmd := exec.Command(mustBinary(t), "serve", "--config", file, "--listen", "127.0.0.1:0", "--listen-implicit=", "--passive", testenv.FreePortSet(t, 1), "--control=")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), file+want)
	}
}

// guests gives the host a service of PAM that accepts names which the host doesn't know, and their homes.
func (h *pamHost) guests(t *testing.T, names ...string) {
	t.Helper()
	h.add(t, "pam.d/virtual", strings.ReplaceAll("auth [success=1 default=ignore] pam_exec.so quiet expose_authtok ETC/virtual\nauth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\n", "ETC", h.etc))
	h.add(t, "virtual", "#!/bin/sh\n[ \"$(tr -d '\\000')\" = secret ] && grep -qx \"$PAM_USER\" "+h.file("guests")+"\n")
	require.NoError(t, os.Chmod(h.file("virtual"), 0o755))
	h.add(t, "guests", strings.Join(names, "\n")+"\n")
	for _, name := range names {
		home := filepath.Join(h.homes, name)
		require.NoError(t, os.Mkdir(home, 0o700))
		require.NoError(t, os.Chown(home, h.uid, h.uid))
	}
}

// With pam-user all users of PAM have the rights of one user of the host, which needn't know them, and each has a home.
func TestPAMUser(t *testing.T) {
	h := newPAMHost(t)
	h.guests(t, "nina")
	c := h.start(t, "pam-service = \"virtual\"\npam-user = \"alice\"\nsystem-users-group = \"guests\"\n[group.guests]\nhome = \""+h.homes+"/{user}\"\n")
	nina, err := c.dial(t, "nina")
	require.NoError(t, err)
	require.NoError(t, nina.Put("STOR file", "hello"))
	info, err := os.Stat(filepath.Join(h.homes, "nina", "file"))
	require.NoError(t, err)
	require.EqualValues(t, h.uid, info.Sys().(*syscall.Stat_t).Uid)
	c.wantRefused(t, "nina", "wrong", "530 Login incorrect.", "pam_authenticate: ")
	c.wantRefused(t, "alice", "secret", "530 Login incorrect.", "pam_authenticate: ")
	require.Empty(t, h.noted(t, "open_session"))
}

// A pam-user that this host doesn't have, and root, are mistakes.
func TestPAMUserMistakes(t *testing.T) {
	for name, want := range map[string]string{"no such user": "pam-user: there is no user \"no such user\" on this host", "1000:1000": "pam-user: \"1000:1000\" is no name", "root": "pam-user: \"root\" is root, with whose rights nothing is done"} {
		_, err := load("serve", []string{"--pam", "--run-as", "20000:20000", "--pam-user", name}, nil)
		require.ErrorContains(t, err, want)
	}
}
