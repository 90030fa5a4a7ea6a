package scenario

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// visit is one run of a client: it uploads a file, downloads it again, and
// lists the directory.
type visit struct {
	from   string // a host
	client string // curl or lftp
	url    string // scheme, address and port
	// args are further arguments of curl, set further settings of lftp.
	args []string
	set  []string
	// patience is how long the client waits for an answer, in seconds, where a
	// visit is expected to fail. 0 is longer than anything takes.
	patience int
}

var clients = []string{"curl", "lftp"}

// explicit returns the URL of the port for AUTH TLS, and implicit that of the
// port where TLS comes first.
func explicit(addr string) string { return "ftp://" + bracketed(addr) + ":21" }
func implicit(addr string) string { return "ftps://" + bracketed(addr) + ":990" }

func bracketed(addr string) string {
	if strings.Contains(addr, ":") {
		return "[" + addr + "]"
	}
	return addr
}

var visits atomic.Int64

// errDiffers is the error of a transfer that the client took for a success
// although it was none.
var errDiffers = errors.New("what arrived is not what was sent")

// visit makes a visit. The error is that of the client, or says what differs.
func (w *world) visit(v visit) result {
	w.t.Helper()
	dir := w.t.TempDir()
	n := visits.Add(1)
	down, up := fmt.Sprintf("down-%d", n), fmt.Sprintf("up-%d", n)
	there, here := content(100_000), content(100_000)
	w.write(filepath.Join(w.srv.Root, down), there)
	w.write(filepath.Join(dir, up), here)
	var got result
	if v.client == "curl" {
		got = w.curl(v, dir,
			[]string{"-o", down, v.url + "/" + down, "-o", "-", v.url + "/"},
			[]string{"-T", up, v.url + "/" + up})
	} else {
		got = w.lftp(v, dir, "get "+down, "cls -1", "put "+up)
	}
	if got.err == nil {
		got.err = errors.Join(same(filepath.Join(dir, down), there), same(filepath.Join(w.srv.Root, up), here))
		if !strings.Contains(got.out, down) {
			got.err = fmt.Errorf("%w: the listing lacks %s", errDiffers, down)
		}
	}
	return got
}

func (w *world) write(path string, text []byte) {
	w.t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// same says what is wrong with a file that should hold want.
func same(path string, want []byte) error {
	have, err := os.ReadFile(path)
	if err == nil && bytes.Equal(have, want) {
		return nil
	}
	return fmt.Errorf("%w: %s has %d of %d bytes (%v)", errDiffers, path, len(have), len(want), err)
}

// curl runs curl once, with several groups of arguments.
func (w *world) curl(v visit, home string, groups ...[]string) result {
	patience := cmp.Or(v.patience, 20)
	each := []string{"-v", "--globoff", "--user", user + ":" + password,
		"--connect-timeout", strconv.Itoa(patience), "--max-time", strconv.Itoa(2*patience - 1)}
	if !w.srv.Clear {
		each = append(each, "--ssl-reqd", "--cacert", w.srv.CA)
	}
	each = append(each, v.args...)
	args := []string{"-q", "-sS", "--fail-early"}
	for i, group := range groups {
		if i > 0 {
			args = append(args, "--next", "-sS")
		}
		args = append(append(args, each...), group...)
	}
	return w.run(program{host: v.from, path: "curl", args: args, env: []string{"HOME=" + home}, dir: home})
}

// lftp runs lftp.
func (w *world) lftp(v visit, home string, commands ...string) result {
	tries := 2
	if v.patience > 0 {
		tries = 1
	}
	script := []string{
		"set cmd:fail-exit yes",
		fmt.Sprint("set net:timeout ", cmp.Or(v.patience, 20)),
		fmt.Sprint("set net:max-retries ", tries),
		"set ftp:auto-passive-mode no", // do not try active mode
		"debug 5",
	}
	if w.srv.Clear {
		script = append(script, "set ftp:ssl-allow no")
	} else {
		script = append(script, "set ftp:ssl-force yes", "set ssl:ca-file "+w.srv.CA)
	}
	for _, s := range v.set {
		script = append(script, "set "+s)
	}
	script = append(script, fmt.Sprintf("open -u %s,\"%s\" %s", user, password, v.url))
	script = append(append(script, commands...), "exit", "")
	return w.run(program{host: v.from, path: "lftp", args: []string{"--norc"}, stdin: strings.Join(script, "\n"),
		env: []string{"HOME=" + home}, dir: home})
}

// content returns n bytes that no two transfers share.
func content(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}
