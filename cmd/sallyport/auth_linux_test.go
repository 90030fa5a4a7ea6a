package main

import (
	stdtls "crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// askedProgram writes a shell script, and returns the lines of a configuration file that make the script auth-program.
func askedProgram(t *testing.T, script string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "check")
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o755))
	me, err := user.Current()
	require.NoError(t, err)
	argv, err := json.Marshal(append([]string{file}, args...))
	require.NoError(t, err)
	return fmt.Sprintf("auth-program = %s\nauth-program-user = %q\n", argv, me.Username)
}

// authEndpoint is an HTTP endpoint that answers as a test wants, and notes who was asked about.
type authEndpoint struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newEndpoint(t *testing.T, start func(*httptest.Server), answer func(http.ResponseWriter, attempt)) *authEndpoint {
	t.Helper()
	e := &authEndpoint{}
	e.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var at attempt
		if err := json.NewDecoder(r.Body).Decode(&at); err != nil {
			w.WriteHeader(400)
			return
		}
		e.mu.Lock()
		e.asked = append(e.asked, at.User)
		e.mu.Unlock()
		answer(w, at)
	}))
	start(e.Server)
	t.Cleanup(e.Close)
	return e
}

func (e *authEndpoint) count(user string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, asked := range e.asked {
		if asked == user {
			n++
		}
	}
	return n
}

// with logs in by name and password.
func (c configured) with(t *testing.T, user, password string, certs ...stdtls.Certificate) (*ftpclient.Client, error) {
	t.Helper()
	config := c.clientTLS(t)
	config.Certificates = certs
	client, err := ftpclient.Dial(c.fact(t, "explicit FTPS"), false, config, user, password)
	if err == nil {
		t.Cleanup(func() { client.Close() })
	}
	return client, err
}

// wantRefused checks that a login gets a reply, and that the log has a text.
func (c configured) wantRefused(t *testing.T, user, password, reply, log string) {
	t.Helper()
	before := len(c.log.String())
	_, err := c.with(t, user, password)
	require.ErrorContains(t, err, reply, user)
	require.Eventually(t, func() bool { return strings.Contains(c.log.String()[before:], log) }, 10*time.Second, 10*time.Millisecond, "%s: %s", user, log)
}

// A program decides on names that no file has. Its answers are checked as strictly as files.
func TestAuthProgram(t *testing.T) {
	home, notes := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "seen"), nil, 0o644))
	script := `read -r question
echo "$AUTH_USER" >>NOTES/asked
case "$AUTH_USER" in
pat) printf '%s' "$question" >NOTES/question; env >NOTES/env; pwd >NOTES/pwd; printf '%s,' "$@" >NOTES/args
	[ "$AUTH_PASSWORD" = 'it is "me"' ] || exit 1
	echo '{"home": "HOME", "group": "staff", "sessions": 1}' ;;
plain) echo '{}' ;;
late) echo '{"expires": "2020-01-01"}' ;;
unknown) echo '{"hom": "/"}' ;;
empty) ;;
down) echo "the database is gone" >&2; exit 3 ;;
talks) echo "wrong: $AUTH_PASSWORD" >&2; exit 3 ;;
dies) kill -9 $$ ;;
fails) echo "Traceback" >&2; exit 1 ;;
cut) printf '%0998d%s' 0 "$AUTH_PASSWORD" >&2; exit 3 ;;
huge) exec cat /dev/zero ;;
lingers) sleep 600 & echo $! >NOTES/lingers; echo '{}' ;;
*) exit 2 ;;
esac
`
	second := newEndpoint(t, (*httptest.Server).Start, func(w http.ResponseWriter, at attempt) {
		if at.User == "nobody" {
			w.WriteHeader(404)
		}
		io.WriteString(w, `{"read-only": true}`)
	})
	p := startConfigured(t, askedProgram(t, strings.NewReplacer("NOTES", notes, "HOME", home).Replace(script), "two words", "$HOME;x")+
		fmt.Sprintf("auth-url = %q\n", second.URL)+alice+"[group.staff]\nread-only = true\n")
	note := func(name string) string {
		text, err := os.ReadFile(filepath.Join(notes, name))
		require.NoError(t, err)
		return string(text)
	}

	c, err := p.with(t, "pat", `it is "me"`)
	require.NoError(t, err)
	list, err := c.Get("NLST")
	require.NoError(t, err)
	require.Equal(t, "seen\r\n", list)
	require.ErrorContains(t, c.Put("STOR new", "x"), "550")
	_, err = p.with(t, "pat", `it is "me"`)
	require.ErrorContains(t, err, "421", "one session at once")
	require.Equal(t, `{"user":"pat","password":"it is \"me\"","peer":"127.0.0.1","local":"127.0.0.1","host":"localhost","secure":true}`, note("question"))
	require.Equal(t, "two words,$HOME;x,", note("args"))
	require.Equal(t, "/\n", note("pwd"))
	require.Contains(t, note("env"), "\nAUTH_PEER=127.0.0.1\n")
	require.NotContains(t, note("env"), "SALLYPORT")
	p.wantRefused(t, "pat", "wrong", "530 Login incorrect.", "auth-program "+"/")

	_, err = p.with(t, "alice", "secret")
	require.NoError(t, err)
	p.wantRefused(t, "alice", "wrong", "530 Login incorrect.", "the configuration refuses")
	require.NotContains(t, note("asked"), "alice")
	c, err = p.with(t, "plain", "secret")
	require.NoError(t, err)
	require.NoError(t, c.Put("STOR new", "x"))
	p.wantRefused(t, "late", "secret", "530 This account has expired.", "expired")

	p.wantRefused(t, "nobody", "secret", "530 Login incorrect.", "nobody has the name")
	p.wantRefused(t, "fails", "secret", "530 Login incorrect.", "user=fails text=Traceback")
	for user, log := range map[string]string{
		"unknown": "its answer:1:2: user.unknown.hom: this is not known; did you mean home?", "empty": "it ends too early",
		"down": "exit status 3: the database is gone", "talks": "what it wrote is left out", "cut": "what it wrote is left out", "dies": "signal: killed",
		"huge": "its answer is longer than 32 KiB", "lingers": "a process that it left behind holds its output",
	} {
		p.wantRefused(t, user, "hunter2", "421 Logins can't be checked just now; try again later.", log)
		require.Zero(t, second.count(user), "%s: nobody else is asked", user)
	}
	requireDead(t, note("lingers"))
	require.NotContains(t, p.log.String(), "hun")
	require.NotContains(t, p.log.String(), "it is")

	c, err = p.with(t, "other", "secret")
	require.NoError(t, err)
	require.ErrorContains(t, c.Put("STOR new", "x"), "550")
	require.Equal(t, 1, second.count("other"))
}

// requireDead waits until a process has ended.
func requireDead(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n))
		return err != nil || strings.Contains(string(status), ") Z ")
	}, 10*time.Second, 10*time.Millisecond, "process %d lives on", n)
}

// A program that doesn't answer is killed with all that it has started, after ten seconds or when the client is gone.
func TestAuthProgramHangs(t *testing.T) {
	t.Parallel()
	notes := t.TempDir()
	script := `sleep 600 & echo $! $$ >` + notes + `/$AUTH_USER.new; mv ` + notes + `/$AUTH_USER.new ` + notes + `/$AUTH_USER; wait`
	p := startConfigured(t, askedProgram(t, script))
	pids := func(user string) (pids []string) {
		require.Eventually(t, func() bool {
			text, err := os.ReadFile(filepath.Join(notes, user))
			pids = strings.Fields(string(text))
			return err == nil
		}, 10*time.Second, 10*time.Millisecond)
		return pids
	}
	p.wantRefused(t, "pat", "secret", "421 Logins can't be checked just now; try again later.", "no answer within 10s")
	for _, pid := range pids("pat") {
		requireDead(t, pid)
	}
	c := p.beginLogin(t, "gone", "127.0.0.1")
	gone := pids("gone")
	c.Conn.Close()
	for _, pid := range gone {
		requireDead(t, pid)
	}
}

// beginLogin sends a name and a password from an address, and doesn't wait for the reply.
func (c configured) beginLogin(t *testing.T, user, from string) *ftpclient.Client {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", c.fact(t, "explicit FTPS"))
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	client := ftpclient.New(conn, c.clientTLS(t))
	_, err = client.Expect(220)
	require.NoError(t, err)
	require.NoError(t, client.AuthTLS())
	_, err = client.Cmd(331, "USER "+user)
	require.NoError(t, err)
	require.NoError(t, client.Send("PASS secret"))
	return client
}

// While a program hangs on clients of other addresses, users in files can log in. A server that is killed leaves no
// program running.
func TestHangingProgramHoldsUpNobodyElse(t *testing.T) {
	notes := t.TempDir()
	p := startConfigured(t, askedProgram(t, "echo $$ >"+notes+"/$AUTH_USER; exec sleep 600")+alice)
	for n := range 4 {
		p.beginLogin(t, fmt.Sprint("unknown", n), fmt.Sprint("127.0.0.", 10+n))
	}
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(notes, "unknown0")); return err == nil }, 10*time.Second, 10*time.Millisecond)
	_, err := p.with(t, "alice", "secret")
	require.NoError(t, err)
	require.NotContains(t, p.log.String(), "no answer within", "it was the end of the others that let her in")
	require.NoError(t, p.Process.Kill())
	asked, err := os.ReadDir(notes)
	require.NoError(t, err)
	for _, file := range asked {
		pid, err := os.ReadFile(filepath.Join(notes, file.Name()))
		require.NoError(t, err)
		if len(pid) > 0 { // empty if the program was killed before it wrote its PID
			requireDead(t, string(pid))
		}
	}
}

// A reload leaves a login that is being judged to the program that was asked before, whose answer counts.
func TestReloadDuringALogin(t *testing.T) {
	notes := t.TempDir()
	script := "echo >" + notes + "/begun; until [ -e " + notes + "/go ]; do sleep 0.01; done; echo '{\"read-only\": true}'"
	p := startConfigured(t, askedProgram(t, script))
	c := p.beginLogin(t, "pat", "127.0.0.1")
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(notes, "begun")); return err == nil }, 10*time.Second, 10*time.Millisecond)
	p.rewrite(t, alice, reread)
	p.wantRefused(t, "other", "secret", "530", "nobody has the name")
	require.NoError(t, os.WriteFile(filepath.Join(notes, "go"), nil, 0o644))
	_, err := c.Expect(230)
	require.NoError(t, err)
	_, err = c.Cmd(550, "MKD new")
	require.NoError(t, err)
}

// If serve runs as root, a program runs as the user that is named, with that user's groups, and as root only if root is
// named.
func TestAuthProgramUser(t *testing.T) {
	testenv.NeedRoot(t)
	dir := t.TempDir()
	for at := dir; at != os.TempDir(); at = filepath.Dir(at) {
		require.NoError(t, os.Chmod(at, 0o755))
	}
	file := filepath.Join(dir, "check")
	require.NoError(t, os.WriteFile(file, []byte("#!/bin/sh\necho \"$(id -u) $(id -G)\" >&2; exit 9"), 0o755))
	text := fmt.Sprintf("auth-program = [%q]\n", file)
	p := startConfigured(t, text+"auth-program-user = \"nobody\"\n")
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	p.wantRefused(t, "pat", "secret", "421", fmt.Sprintf("exit status 9: %s %s", nobody.Uid, nobody.Gid))

	p.rewrite(t, text, "serve runs as root, and the program would, too; say who is to run it by auth-program-user")
	p.rewrite(t, text+"auth-program-user = \"nobody-here\"\n", "sallyport.toml:2:1: auth-program-user: there is no user \\\"nobody-here\\\" on this host")
	p.rewrite(t, "auth-program = [\"/does/not/exist\"]\nauth-program-user = \"nobody\"\n", "sallyport.toml:1:1: auth-program: ")
	p.rewrite(t, text+"auth-program-user = \"root\"\n", reread)
	p.wantRefused(t, "pat", "secret", "421", "exit status 9: 0 ")
	got := output(t, "config", "check", t.TempDir(), "--config", p.file)
	require.Contains(t, got, "auth-program-user: the program runs as root")
}

// An endpoint is asked over TLS if its certificate is trusted. What it has accepted is remembered until a reload.
func TestAuthURLOverTheWire(t *testing.T) {
	var mu sync.Mutex
	status := 200
	answer := func(n int) { mu.Lock(); status = n; mu.Unlock() }
	e := newEndpoint(t, (*httptest.Server).StartTLS, func(w http.ResponseWriter, at attempt) {
		mu.Lock()
		defer mu.Unlock()
		if at.Password != "secret" {
			w.WriteHeader(401)
			return
		}
		w.WriteHeader(status)
		io.WriteString(w, `{"read-only": true}`)
	})
	trust := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(trust, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.Certificate().Raw}), 0o644))
	text := fmt.Sprintf("auth-url = %q\n", e.URL)
	file := configure(t, text)
	p := configured{startWith(t, func(cmd *exec.Cmd) {
		cmd.Args, cmd.Env = append(cmd.Args, "--config", file), append(cmd.Env, "SSL_CERT_FILE="+trust)
	}), file}
	require.Contains(t, p.banner, "those of "+e.URL)
	for range 2 {
		c, err := p.with(t, "pat", "secret")
		require.NoError(t, err)
		require.ErrorContains(t, c.Put("STOR x", "x"), "550")
	}
	require.Equal(t, 1, e.count("pat"))
	p.wantRefused(t, "pat", "wrong", "530", "auth-url refuses")
	require.Equal(t, 2, e.count("pat"))
	answer(503)
	_, err := p.with(t, "pat", "secret")
	require.NoError(t, err, "it is remembered")
	p.rewrite(t, text, reread)
	p.wantRefused(t, "pat", "secret", "421 Logins can't be checked just now; try again later.", "it answers with status 503")

	startConfigured(t, text).wantRefused(t, "pat", "secret", "421", "certificate")
}

// If a table allows it, everybody may log in as anonymous, by two names and with any password, and may change nothing.
func TestAnonymous(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "seen"), []byte("12345"), 0o644))
	p := startConfigured(t, alice)
	p.wantRefused(t, "anonymous", "me@example.com", "530", "nobody has the name")
	table := fmt.Sprintf("[anonymous]\nhome = %q\nsessions = 2\n", home)
	p.rewrite(t, alice+table, reread)
	for _, name := range []string{"anonymous", "FTP"} {
		c, err := p.with(t, name, "me@example.com")
		require.NoError(t, err)
		got, err := c.Get("RETR seen")
		require.NoError(t, err)
		require.Equal(t, "12345", got)
		require.ErrorContains(t, c.Put("STOR new", "x"), "550")
		_, err = c.Cmd(550, "DELE seen")
		require.NoError(t, err)
		_, err = c.Cmd(550, "MKD x")
		require.NoError(t, err)
	}
	_, err := p.with(t, "ftp", "x")
	require.ErrorContains(t, err, "421", "sessions count for both names")
	require.NotContains(t, p.log.String(), "example.com")
	p.rewrite(t, alice+strings.Replace(table, "sessions = 2", "read-only = false", 1), reread)
	c, err := p.with(t, "anonymous", " ")
	require.NoError(t, err)
	require.NoError(t, c.Put("STOR new", "x"))
	p.rewrite(t, table+strings.ReplaceAll(alice, "alice", "ftp"), reread)
	p.wantRefused(t, "ftp", "me@example.com", "530", "the configuration refuses")
}

// A certificate that names the user logs in at USER. With any other certificate the password is asked for.
func TestCertificateLogsIn(t *testing.T) {
	cert, file := clientCertificate(t, "robot")
	p := startConfigured(t, fmt.Sprintf("client-ca = %q\n[user.robot]\ncertificate-login = true\nnetworks = [\"127.0.0.0/8\"]\n[user.away]\ncertificate-login = true\nnetworks = [\"192.0.2.1\"]\n", file)+alice)
	say := func(code int, user string, version uint16, certs ...stdtls.Certificate) *ftpclient.Client {
		conn, err := ftpclient.DialTCP(p.fact(t, "explicit FTPS"))
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		config := p.clientTLS(t)
		config.Certificates, config.MaxVersion = certs, version
		c := ftpclient.New(conn, config)
		_, err = c.Expect(220)
		require.NoError(t, err)
		require.NoError(t, c.AuthTLS())
		_, err = c.Cmd(code, "USER "+user)
		require.NoError(t, err)
		return c
	}
	for _, version := range []uint16{stdtls.VersionTLS12, stdtls.VersionTLS13} {
		c := say(232, "robot", version, cert)
		for code, line := range map[int]string{257: "PWD", 230: "PASS whatever"} {
			_, err := c.Cmd(code, line)
			require.NoError(t, err)
		}
		c = say(331, "robot", version)
		_, err := c.Cmd(530, "PASS secret")
		require.NoError(t, err)
		c = say(331, "alice", version, cert)
		_, err = c.Cmd(230, "PASS secret")
		require.NoError(t, err)
		_, err = c.Cmd(331, "USER away")
		require.NoError(t, err)
		_, err = c.Cmd(530, "PWD")
		require.NoError(t, err)
	}
	other, _ := clientCertificate(t, "robot") // signed by another authority
	_, err := p.with(t, "robot", "secret", other)
	require.Error(t, err)
}

// Users may have hashes of any kind. Users in a directory of users appear and disappear with a reload.
func TestHashesOverTheWire(t *testing.T) {
	dir := t.TempDir()
	var text string
	kinds := map[string]string{
		"argon2id": hashOf(t, "argon2id", "secret"),
		"sha256":   "$5$UJ2RmYqtqJJbk3NB$QXUH5vKU7XafoX38I.jRvty11Fz4rwZEEurnCMzW/75",
		"sha512":   "$6$95.TqoQDFQEOUWI1$fE47bK56WNp175b3To1fEBlS0ukqE4awlUP9Nu17KTmf6IH.o.u/oS/8hIb.CQpq2q30jT/0xyRaeWwt5cvhc0",
		"yescrypt": "$y$j75$jwK1vimAfKgC8DIKlVp381$9Bvyz30XvoLoPzIjCzZvSVSQ52Ld9opJU6bAP/Smzd6",
		"bcrypt":   hash,
	}
	for kind, hash := range kinds {
		text += fmt.Sprintf("[user.%s]\npassword = %q\n", kind, hash)
	}
	p := startConfigured(t, fmt.Sprintf("users-dir = %q\n", dir)+text)
	for kind := range kinds {
		_, err := p.with(t, kind, "secret")
		require.NoError(t, err, kind)
		p.wantRefused(t, kind, "Secret", "530", "user="+kind)
	}
	p.wantRefused(t, "dora", "secret", "530", "nobody has the name")
	file := filepath.Join(dir, "dora.toml")
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf("password = %q\nread-only = true\n", kinds["yescrypt"])), 0o600))
	p.hangUp(t, reread)
	c, err := p.with(t, "dora", "secret")
	require.NoError(t, err)
	require.ErrorContains(t, c.Put("STOR x", "x"), "550")
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bcrypt.toml"), []byte(fmt.Sprintf("password = %q\n", hash)), 0o600))
	p.hangUp(t, "a user counts for nothing")
	p.wantLog(t, "bcrypt.toml: user \\\"bcrypt\\\" is at ")
	p.wantRefused(t, "dora", "secret", "530", "nobody has the name")
	require.NotContains(t, p.log.String(), "ecret")
}

// hashOf returns the output of config password.
func hashOf(t *testing.T, kind, password string) string {
	t.Helper()
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	_, err = io.WriteString(out, password+"\n")
	require.NoError(t, err)
	require.NoError(t, out.Close())
	var printed strings.Builder
	args := []string{"password"}
	if kind != "" {
		args = append(args, "--kind", kind)
	}
	require.NoError(t, runConfig(t.Context(), args, in, &printed, t.Output()))
	return strings.TrimSpace(printed.String())
}

// Users in a directory may be in groups of the configuration file. The first source that has a name counts, and check
// reports the others.
func TestUsersDir(t *testing.T) {
	dir, users := t.TempDir(), filepath.Join(t.TempDir(), "users")
	write := func(file, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
	}
	password := "password = \"" + hash + "\"\n"
	write("dora.toml", password+"group = \"staff\"\nread-only = false\n")
	write("b.ob.toml", password+"home = \"/own\"")
	write(".hidden.toml", "nonsense")
	write("README", "nonsense")
	require.NoError(t, os.WriteFile(users, []byte("file:"+hash+"\n"), 0o600))
	text := "users-dir = \"" + dir + "\"\nusers-file = \"" + users + "\"\n" + alice + "[group.staff]\nhome = \"/srv/{user}\"\nread-only = true\nsessions = 3\n"
	args := []string{t.TempDir(), "--config", configure(t, text), "--user", "carol:x"}
	s, err := load("serve", args, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"alice", "b.ob", "carol", "dora", "file"}, s.names())
	dora := s.everybody()["dora"]
	require.Equal(t, "/srv/dora", dora.Home)
	require.False(t, dora.ReadOnly)
	require.Equal(t, 3, dora.Sessions)
	require.Equal(t, filepath.Join(dir, "dora.toml")+":3:1", dora.from["read-only"])

	for _, name := range []string{"alice", "carol", "file"} {
		write(name+".toml", password)
	}
	require.NoError(t, os.WriteFile(users, []byte("file:"+hash+"\nalice:"+hash+"\ncarol:"+hash+"\n"), 0o600))
	s, err = load("config", args, nil)
	require.NoError(t, err)
	got, err := checked(t.Context(), s, nil)
	require.NoError(t, err)
	got = strings.NewReplacer(dir, "DIR", filepath.Dir(args[2])+"/", "", users, "USERS").Replace(got)
	for _, want := range []string{
		`USERS:2: user "alice" is at sallyport.toml:4:1, too, and that one counts`, `USERS:3: user "carol" is at --user, too`,
		`DIR/alice.toml: user "alice" is at sallyport.toml:3:7, too`, `DIR/carol.toml: user "carol" is at --user, too`, `DIR/file.toml: user "file" is at USERS:1, too`,
	} {
		require.Contains(t, got, "unwise: "+want)
	}

	write("dora.toml", "hom = 1\ngroup = \"stuff\"\n[user.x]\n")
	write("x:y.toml", password)
	_, err = load("serve", args, nil)
	require.Error(t, err)
	got = strings.ReplaceAll(err.Error(), dir, "DIR")
	for _, want := range []string{
		"DIR/dora.toml:1:1: user.dora.hom: this is not known; did you mean home?", `DIR/dora.toml:2:1: user.dora.group: there is no group "stuff"; did you mean staff?`,
		"DIR/dora.toml:3:2: user.dora.user: this is not known", "DIR/dora.toml:1:1: user.dora.password: it is missing",
		`DIR/x:y.toml:1:1: user."x:y": a name has at least one letter, no colon`,
	} {
		require.Contains(t, got, want)
	}
}

// The script in the documents works as they say.
func TestDocumentedProgram(t *testing.T) {
	_, script, found := strings.Cut(documents(t)["operating.md"], "```sh\n#!/bin/sh\n")
	require.True(t, found)
	script, _, _ = strings.Cut(script, "```")
	partners := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(partners, "partner-x"), []byte("secret\n"), 0o600))
	lines := askedProgram(t, strings.ReplaceAll(script, "/etc/partners", partners))
	s, err := load("serve", []string{"--config", configure(t, lines)}, nil)
	require.NoError(t, err)
	p, err := s.newAuthProgram(runProgram)
	require.NoError(t, err)
	for login, want := range map[string]decision{"partner-x secret": accepted, "partner-x wrong": refused, "partner-y secret": refused, "partner-/../x x": refused, "bob secret": notMine} {
		name, password, _ := strings.Cut(login, " ")
		a, says, err := p.ask(t.Context(), &attempt{User: name, Password: password, Peer: "192.0.2.1"})
		require.NoError(t, err)
		require.Equal(t, want, says, login)
		if says == accepted {
			require.Equal(t, "/srv/partners/partner-x", a.Home)
			require.Equal(t, quota{1 << 30, true}, a.Quota)
		}
	}
}
