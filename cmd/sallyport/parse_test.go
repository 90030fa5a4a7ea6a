package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/tls"
)

func TestDefaults(t *testing.T) {
	s, err := parseServe([]string{"dir"})
	if err != nil {
		t.Fatal(err)
	}
	if s.dir != "dir" || s.listen != ":2121" || s.implicit != ":2990" || s.passive != "21000-21010" ||
		s.reuse != tls.Prefer || s.uploads != uploadsAtomic || s.active || s.plaintext || s.closeNotify || s.drain != 30*time.Second {
		t.Errorf("unexpected defaults: %+v", s)
	}
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{
		{"dir", "--passive", "30000", "--active", "--session-reuse=require", "--uploads", "inplace", "--disable", "DELE,SITE CHMOD", "--allow-symlink", "--never-convert"},
		{"-passive=30000", "-active", "-session-reuse", "Require", "-uploads=INPLACE", "dir"},
		{"--passive", "30000", "--active=true", "--session-reuse", "require", "--uploads", "inplace", "--", "dir"},
	} {
		s, err := parseServe(args)
		if err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		if s.dir != "dir" || s.passive != "30000" || !s.active || s.reuse != tls.Require || s.uploads != uploadsInPlace {
			t.Errorf("%q: got %+v", args, s)
		}
	}
}

func TestOneListener(t *testing.T) {
	s, err := parseServe([]string{"--listen", "", "dir"})
	if err != nil || s.listen != "" || s.implicit != ":2990" {
		t.Errorf("got %+v, %v", s, err)
	}
}

// Each mistake is reported with what would be right.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "sallyport serve DIR"},
		{"a b", "one directory can be served, not 2: a b"},
		{"dir --pasive 21000", "unknown option --pasive; the options are --config --dir --listen --listen-implicit --passive"},
		{"dir --passive", "--passive needs a value: --passive SET"},
		{"dir --shared-address --active", "--active would connect to the address that --shared-address says is not the client's"},
		{"dir --shared-address --insecure-plaintext", "--insecure-plaintext would give data to whoever comes first from the address that --shared-address says is everybody's"},
		{"dir --shared-address --session-reuse off", "--shared-address demands that data connections resume, which --session-reuse off gives up"},
		{"dir --passive --active", "--passive needs a value: --passive SET"},
		{"dir --passive 21010-21000", "write 21000-21010"},
		{"dir --passive 2000-2200", "--passive: 2000-2200 holds 2121, where logins are expected; exclude it: 2000-2200,!2121"},
		{"dir --listen 2121", `"2121" is no address to listen on; want :2121`},
		{"dir --listen :ftp", `":ftp" has no port from 0 to 65535`},
		{"dir --listen :70000", `":70000" has no port from 0 to 65535`},
		{"dir --listen= --listen-implicit=", "both empty"},
		{"dir --announce 300.1.1.1", "four numbers from 0 to 255"},
		{"dir --announce 0.0.0.0", "clients need one"},
		{"dir --user alice", "want NAME:PASSWORD"},
		{"dir --user alice:", `"alice" has no password`},
		{"dir --user :secret", "want NAME:PASSWORD"},
		{"dir --user a:1 --user a:2", `"a" is there twice`},
		{"dir --user alice:$2y$10$short", "bcrypt"},
		{"dir --cert c.pem", "--cert needs --key FILE"},
		{"dir --key k.pem", "--key needs --cert FILE"},
		{"dir --session-reuse never", `"never" is not known; want prefer, require or off`},
		{"dir --uploads fast", `"fast" is not known; want atomic or inplace`},
		{"dir --active=perhaps", `"perhaps" is neither true nor false`},
		{"dir --log-level loud", `"loud" is not known; want debug, info, warn or error`},
		{"dir --drain 30", `"30" is no duration; want one such as 30s`},
	} {
		_, err := parseServe(strings.Fields(c.args))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want ... %s ...", c.args, err, c.want)
		}
		if !errors.As(err, new(*usageError)) {
			t.Errorf("%q: %T is no usage error", c.args, err)
		}
	}
}

func TestMistakesAreToldAtOnce(t *testing.T) {
	_, err := parseServe(strings.Fields("a --passive 2-1 --uploads x --what y --user z"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"--passive", "--uploads", "--what", "--user"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in %q", want, err)
		}
	}
	if strings.Contains(err.Error(), "one directory") {
		t.Errorf("the value of an unknown option is taken for a directory: %q", err)
	}
	if text := complaint(err); !strings.HasPrefix(text, "sallyport: ") || !strings.HasSuffix(text, "see: sallyport help serve") {
		t.Errorf("got %q", text)
	}
}

// A mistyped --user may be a password and isn't repeated on the screen.
func TestPasswordsAreNotRepeated(t *testing.T) {
	for _, args := range [][]string{{"dir", "--user", "hunter2"}, {"dir", "--user", ":hunter2"}} {
		if _, err := parseServe(args); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v", args, err)
		}
	}
}

func TestUsers(t *testing.T) {
	hash, err := driver.HashPassword("other")
	if err != nil {
		t.Fatal(err)
	}
	const sha = "$5$UJ2RmYqtqJJbk3NB$QXUH5vKU7XafoX38I.jRvty11Fz4rwZEEurnCMzW/75" // of secret
	s, err := parseServe([]string{"dir", "--user", "alice:pass:word", "--user", "bob:" + hash, "--user", "carol:" + sha})
	if err != nil {
		t.Fatal(err)
	}
	users, err := s.driver(inMemory, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for name, password := range map[string]string{"alice": "pass:word", "bob": "other", "carol": "secret"} {
		if _, err := users.Login(t.Context(), &driver.Login{User: name, Password: password}); err != nil {
			t.Errorf("%s can't log in: %v", name, err)
		}
		if _, err := users.Login(t.Context(), &driver.Login{User: name, Password: map[string]string{"alice": hash, "bob": hash, "carol": sha}[name]}); err == nil {
			t.Errorf("%s logs in with a hash", name)
		}
	}
}

// inMemory is an opener that returns files in memory.
func inMemory(context.Context, *account, place) (driver.FS, error) { return driver.Mem(), nil }

func TestDemoUser(t *testing.T) {
	const password = "made for this run only"
	users, err := defaults().driver(inMemory, password, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := users.Login(t.Context(), &driver.Login{User: demoUser, Password: password}); err != nil {
		t.Errorf("nobody can log in: %v", err)
	}
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		args   string
		stdout string // a part of what is printed
		usage  bool
	}{
		{"help", "sallyport serve DIR", false},
		{"--help", "sallyport serve DIR", false},
		{"help serve", "--passive SET", false},
		{"serve --help", "--passive SET", false},
		{"serve dir -h", "--passive SET", false},
		{"version", "sallyport ", false},
		{"", "", true},
		{"server", "", true},
		{"serve", "", true},
	} {
		var stdout, stderr bytes.Buffer
		err := run(t.Context(), strings.Fields(c.args), &stdout, &stderr)
		if !strings.Contains(stdout.String(), c.stdout) || errors.As(err, new(*usageError)) != c.usage {
			t.Errorf("%q: got %v and %q", c.args, err, stdout.String())
		}
	}
}

// What can't be opened is reported all at once, too.
func TestRunFails(t *testing.T) {
	args := []string{"serve", "no/such/dir", "--listen", "127.0.0.1:0", "--listen-implicit", "192.0.2.77:0", "--passive", "any", "--cert", "no.pem", "--key", "no.key"}
	var stdout, stderr bytes.Buffer
	err := run(t.Context(), args, &stdout, &stderr)
	if err == nil || errors.As(err, new(*usageError)) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"no/such/dir", "192.0.2.77", "no.pem"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is missing in %q", want, err)
		}
	}
	if stdout.Len() > 0 {
		t.Errorf("printed %q", stdout.String())
	}
}

func TestShell(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"/tmp/a-b.c", "/tmp/a-b.c"}, {"a b", "'a b'"}, {"it's", `'it'\''s'`}, {"", "''"}, {"$HOME", "'$HOME'"},
	} {
		if got := shell(c.in); got != c.want {
			t.Errorf("%q: got %s, want %s", c.in, got, c.want)
		}
	}
}

func TestCommitOf(t *testing.T) {
	if got := commitOf(nil); got != "" {
		t.Errorf("got %q without a commit", got)
	}
}
