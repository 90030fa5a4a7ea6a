// Package realclient runs curl and lftp, and the programs that they talk to, for tests
// of examples.
package realclient

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// Account says who logs in, and where.
type Account struct {
	Addr           string // of explicit FTPS
	CAFile         string // whom the client trusts; empty means everybody
	User, Password string
}

// At returns an account of a throwaway server.
func At(srv *ftpstest.Server, user, password string) Account {
	return Account{srv.Addr, srv.CAFile, user, password}
}

// bound is how long a client may take.
const bound = time.Minute

// Curl runs curl, which prints what it fetches and what is said on the control
// connection. Arguments that begin with a slash are paths on the server.
func (a Account) Curl(t testing.TB, path string, args ...string) (output string, err error) {
	t.Helper()
	return run(a.CurlCommand(t, path, args...))
}

// CurlCommand prepares what Curl runs, for a test that gives curl input or ends it.
func (a Account) CurlCommand(t testing.TB, path string, args ...string) *exec.Cmd {
	t.Helper()
	trust := []string{"--cacert", a.CAFile}
	if a.CAFile == "" {
		trust = []string{"--insecure"}
	}
	all := append([]string{"-q", "-sSv", "--globoff", "--ssl-reqd", "--user", a.User + ":" + a.Password}, trust...)
	all = append(append(all, args...), "ftp://"+a.Addr+path)
	return command(t, "curl", all...)
}

// Lftp runs lines of lftp's language and prints what they print, and what is said on
// the control connection. It ends with an error at the first line that fails.
func (a Account) Lftp(t testing.TB, lines ...string) (output string, err error) {
	t.Helper()
	trust := "set ssl:ca-file " + a.CAFile
	if a.CAFile == "" {
		trust = "set ssl:verify-certificate no"
	}
	script := append([]string{
		"set cmd:fail-exit yes", "set net:max-retries 1", "set net:timeout 20", "set dns:order inet", "debug 5",
		"set ftp:ssl-force yes", trust, `open -u "` + a.User + "," + a.Password + `" ftp://` + a.Addr,
	}, lines...)
	cmd := command(t, "lftp", "--norc")
	cmd.Stdin = strings.NewReader(strings.Join(append(script, "exit", ""), "\n"))
	return run(cmd)
}

func command(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, testenv.NeedBinary(t, name), args...)
	cmd.Env = append(cmd.Environ(), "HOME="+t.TempDir())
	return cmd
}

func run(cmd *exec.Cmd) (string, error) {
	out, err := cmd.CombinedOutput()
	return string(out), err
}
