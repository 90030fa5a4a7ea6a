// Package examples holds programs that show one idea each. Its test builds and runs
// all of them, and tests them as a client does.
package examples

import (
	stdtls "crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/realclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// TestExamples builds all examples at once, since that is fastest.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("linking all programs takes a while")
	}
	bin := t.TempDir() + string(filepath.Separator)
	minimal := minimalSetup(t)
	build(t, "-ldflags=-s -w", "-overlay", minimal.overlay, "-o", bin, "./...")

	run := func(name string, try func(t *testing.T, listen string), args ...string) {
		t.Run(name, func(t *testing.T) {
			listen := testenv.FreeAddr(t)
			start(t, bin+name, listen, append([]string{"-listen", listen}, args...)...)
			try(t, listen)
		})
	}
	t.Run("minimal", func(t *testing.T) {
		start(t, bin+"minimal", minimal.explicit)
		for _, c := range []*ftpclient.Client{
			login(t, minimal.explicit, false, "alice", "from the environment"),
			login(t, minimal.implicit, true, "alice", "from the environment"),
		} {
			wantPut(t, c, "new.txt")
			if r, err := c.Cmd(227, "PASV"); err != nil || !strings.Contains(r.Text(), "(203,0,113,7,") {
				t.Errorf("PASV: %q, %v", r, err)
			}
		}
		if _, err := os.Stat(filepath.Join(minimal.dir, "new.txt")); err != nil {
			t.Error(err)
		}
		wantClientsPut(t, minimal.explicit, "alice", "from the environment")
	})

	implicit := testenv.FreeAddr(t)
	run("implicit", func(t *testing.T, listen string) {
		wantPut(t, login(t, listen, false, "alice", "wonderland"), "a.txt")
		wantGet(t, login(t, implicit, true, "alice", "wonderland"), "RETR a.txt", "content of a.txt")
		wantClientsPut(t, listen, "alice", "wonderland")
	}, "-implicit", implicit)

	run("users", func(t *testing.T, listen string) {
		alice := login(t, listen, false, "alice", "wonderland")
		bob := login(t, listen, false, "bob", "can we fix it")
		wantPut(t, alice, "a.txt")
		wantPut(t, bob, "b.txt")
		wantGet(t, alice, "NLST", "a.txt\r\n")
		wantGet(t, bob, "NLST", "b.txt\r\n")
		wantClientsPut(t, listen, "bob", "can we fix it")
	})

	run("embedded", func(t *testing.T, listen string) {
		c := login(t, listen, false, "alice", "wonderland")
		wantGet(t, c, "RETR manual/help.txt", "Turn it off and on again.\n")
		if _, err := c.Cmd(550, "DELE README.txt"); err != nil {
			t.Error(err)
		}
		wantClientsGet(t, listen, "alice", "wonderland", "manual/help.txt", "Turn it off and on again.\n")
	})

	run("afero", func(t *testing.T, listen string) {
		c := login(t, listen, false, "alice", "wonderland")
		wantGet(t, c, "RETR base.txt", "from the base\n")
		wantPut(t, c, "new.txt")
		wantGet(t, c, "RETR new.txt", "content of new.txt")
		wantClientsGet(t, listen, "alice", "wonderland", "base.txt", "from the base\n")
		wantClientsPut(t, listen, "alice", "wonderland")
	})

	run("inbox", func(t *testing.T, listen string) {
		wantPut(t, login(t, listen, false, "alice", "wonderland"), "order.csv")
		wantClientsPut(t, listen, "alice", "wonderland")
	})

	run("reports", func(t *testing.T, listen string) {
		c := login(t, listen, false, "partner", "wonderland")
		wantGet(t, c, "RETR 2026/january.csv", "order,amount\n1,9.90\n")
		wantClientsGet(t, listen, "partner", "wonderland", "2026/january.csv", "order,amount\n1,9.90\n")
	})

	for lan, want := range map[string]string{"192.168.0.0/16": "(198,51,100,9,", "127.0.0.0/8": "(127,0,0,1,"} {
		run("nat", func(t *testing.T, listen string) {
			c := login(t, listen, false, "alice", "wonderland")
			wantPut(t, c, "a.txt")
			if r, err := c.Cmd(227, "PASV"); err != nil || !strings.Contains(r.Text(), want) {
				t.Errorf("PASV: %q, %v, want %s", r, err, want)
			}
			wantClientsPut(t, listen, "alice", "wonderland")
		}, "-passive", testenv.FreePortSet(t, 1), "-lan", lan, "-public", "198.51.100.9")
	}
}

func build(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "go", append([]string{"build"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// start runs a program until the test ends, and waits until it listens.
func start(t *testing.T, file, listen string, args ...string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		file += ".exe"
	}
	t.Setenv("FTP_PASSWORD", "from the environment")
	tmp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, tmp)
	}
	realclient.Start(t, listen, file, args...)
}

func login(t *testing.T, addr string, implicit bool, user, password string) *ftpclient.Client {
	t.Helper()
	// Verifies no certificate: the program has it in memory, so the test can't know
	// it.
	config := &stdtls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: stdtls.NewLRUClientSessionCache(0)}
	c, err := ftpclient.Dial(addr, implicit, config, user, password)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// wantPut stores a file and checks that it is listed.
func wantPut(t *testing.T, c *ftpclient.Client, name string) {
	t.Helper()
	if err := c.Put("STOR "+name, "content of "+name); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get("MLSD"); err != nil || !strings.Contains(got, " "+name+"\r\n") {
		t.Errorf("listing: %q, %v", got, err)
	}
}

func wantGet(t *testing.T, c *ftpclient.Client, line, want string) {
	t.Helper()
	if got, err := c.Get(line); err != nil || got != want {
		t.Errorf("%s: got %q, %v; want %q", line, got, err, want)
	}
}

// wantClientsPut has curl and lftp each store a file, which the other then fetches.
// They use EPSV, since some examples announce an address that nobody has.
func wantClientsPut(t *testing.T, listen, user, password string) {
	t.Helper()
	a := realclient.Account{Addr: listen, User: user, Password: password}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("order,amount\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := a.Curl(t, "/curl.csv", "-T", file); err != nil {
		t.Error(err, out)
	}
	if out, err := a.Lftp(t, "set ftp:prefer-epsv yes", "put "+file+" -o lftp.csv", "cat curl.csv"); err != nil || !strings.Contains(out, "\norder,amount\n") {
		t.Error(err, out)
	}
	if out, err := a.Curl(t, "/lftp.csv"); err != nil || !strings.Contains(out, "order,amount\n") {
		t.Error(err, out)
	}
}

// wantClientsGet has curl and lftp fetch a file, and checks its content.
func wantClientsGet(t *testing.T, listen, user, password, name, want string) {
	t.Helper()
	a := realclient.Account{Addr: listen, User: user, Password: password}
	if out, err := a.Curl(t, "/"+name); err != nil || !strings.Contains(out, want) {
		t.Error(err, out)
	}
	if out, err := a.Lftp(t, "cat "+name); err != nil || !strings.Contains(out, want) {
		t.Error(err, out)
	}
}

// setup holds what the minimal example gets in place of its constants.
type setup struct{ overlay, dir, explicit, implicit string }

// minimalSetup makes an overlay for go build that replaces the constants of the
// minimal example, which is also the README's and has no flags.
func minimalSetup(t *testing.T) setup {
	t.Helper()
	tmp := t.TempDir()
	s := setup{filepath.Join(tmp, "overlay.json"), t.TempDir(), testenv.FreeAddr(t), testenv.FreeAddr(t)}
	cert, key := writeCertificate(t, tmp)

	original, err := filepath.Abs(filepath.Join("minimal", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for _, c := range []struct{ old, new string }{
		{"/srv/ftp", s.dir}, {"cert.pem", cert}, {"key.pem", key}, {"21000-21010", testenv.FreePortSet(t, 1) + "," + testenv.FreePortSet(t, 1)},
		{":990", s.implicit}, {":21", s.explicit},
	} {
		old := fmt.Sprintf("%q", c.old)
		if strings.Count(text, old) != 1 {
			t.Fatalf("%s is not there once", old)
		}
		text = strings.Replace(text, old, fmt.Sprintf("%q", c.new), 1)
	}
	changed := filepath.Join(tmp, "main.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{changed: []byte(text), s.overlay: overlay} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
