package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/tls"
)

var lftpKind = Kind{
	New: func(t *testing.T, s *Server) Client {
		return &lftp{Program{Server: s, Home: t.TempDir()}, testenv.NeedBinary(t, "lftp")}
	},
	Resumes: Always,
}

type lftp struct {
	Program
	path string
}

func (l *lftp) run(lines ...string) (string, error) { return l.as(Password, lines...) }

func (l *lftp) as(password string, lines ...string) (string, error) {
	s, scheme := l.Server, "ftp"
	if s.Mode.Implicit {
		scheme = "ftps"
	}
	script := []string{
		"set cmd:fail-exit yes",
		"set net:max-retries 1",
		"set net:timeout 20",
		"set dns:order inet",
		"debug 5",
	}
	if !s.Mode.Clear {
		script = append(script, "set ftp:ssl-force yes", "set ssl:ca-file "+quote(s.CA))
	}
	if s.Mode.TLS12 {
		script = append(script, `set ssl:priority "NORMAL:-VERS-ALL:+VERS-TLS1.2"`)
	}
	script = append(script, fmt.Sprintf("open -u %s,%s %s://%s", User, quote(password), scheme, s.Addr))
	script = append(script, lines...)
	l.Stdin = strings.Join(append(script, "exit", ""), "\n")
	return l.Run(l.path, "--norc")
}

// quote quotes for a line of lftp's language.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func (l *lftp) Login(password string) error {
	_, err := l.as(password, "cd /")
	return err
}

func (l *lftp) List(dir string) ([]string, error) {
	out, err := l.run("cd "+quote(dir), "ls")
	return Long(out), err
}

func (l *lftp) Facts(dir string) ([]string, error) {
	out, err := l.run("cd "+quote(dir), "cls -1 --sort=name")
	names := Lines(out)
	for i := range names {
		names[i] = strings.TrimSuffix(names[i], "/")
	}
	return names, err
}

func (l *lftp) Upload(local, remote string) error {
	_, err := l.run("put " + quote(local) + " -o " + quote(remote))
	return err
}

func (l *lftp) Download(remote, local string) error {
	_, err := l.run("get " + quote(remote) + " -o " + quote(local))
	return err
}

func (l *lftp) ResumeUpload(local, remote string) error {
	_, err := l.run("put -c " + quote(local) + " -o " + quote(remote))
	return err
}

func (l *lftp) ResumeDownload(remote, local string) error {
	_, err := l.run("get -c " + quote(remote) + " -o " + quote(local))
	return err
}

func (l *lftp) Rename(from, to string) error {
	_, err := l.run("mv " + quote(from) + " " + quote(to))
	return err
}

func (l *lftp) Delete(remote string) error {
	_, err := l.run("rm " + quote(remote))
	return err
}

func TestLftp(t *testing.T) { lftpKind.Meet(t) }

func TestLftpRequired(t *testing.T) { lftpKind.Required(t) }

// A tree goes up and comes down, with four control connections at once that
// share one data port, and with one.
func TestLftpMirror(t *testing.T) {
	for _, parallel := range []int{1, 4} {
		t.Run(fmt.Sprintf("parallel=%d", parallel), func(t *testing.T) {
			s := Start(t, Options{Reuse: tls.Require, Ports: 1})
			l := lftpKind.New(t, s).(*lftp)
			up, down := t.TempDir(), t.TempDir()
			const files = 500
			for i := range files {
				name := filepath.Join(up, fmt.Sprintf("d%d", i%7), fmt.Sprintf("e%d", i%3), fmt.Sprintf("file %d", i))
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, content(i*37), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, err := l.run(
				fmt.Sprintf("mirror --reverse --parallel=%d %s /tree", parallel, quote(up)),
				fmt.Sprintf("mirror --parallel=%d /tree %s", parallel, quote(down)),
			)
			if err != nil {
				t.Fatal(err)
			}
			sameTree(t, up, s.Path("tree"), files)
			sameTree(t, up, down, files)
			s.WantResumed(t, true)
			if n := s.Connects(); parallel > 1 && n < parallel {
				t.Errorf("%d control connections, want %d", n, parallel)
			}
		})
	}
}

// sameTree asserts that every one of n files in want is the same in got.
func sameTree(t *testing.T, want, got string, n int) {
	t.Helper()
	err := filepath.WalkDir(want, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(want, name)
		if err != nil {
			return err
		}
		if hash(t, name) != hash(t, filepath.Join(got, rel)) {
			t.Errorf("%s differs", rel)
		}
		n--
		return nil
	})
	if err != nil || n != 0 {
		t.Errorf("comparing the trees: %v, %d files uncompared", err, n)
	}
}

// GnuTLS ends its handshake in two segments and leaves Nagle's algorithm on. A
// server that does not acknowledge the first at once costs every download the
// 40 ms of a delayed acknowledgement.
func TestLftpSmallDownloads(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lets a program ask for a prompt acknowledgement")
	}
	s := Start(t, Options{})
	l := lftpKind.New(t, s).(*lftp)
	st := &stage{t, s, l, t.TempDir()}
	var lines []string
	for i := range 30 {
		name := strconv.Itoa(i)
		st.write(s.Path(name), content(1000))
		lines = append(lines, "get "+name+" -o "+quote(st.local(name)))
	}
	_, err := l.run(lines...)
	st.do("downloads", err)
	fastest := time.Hour
	for _, x := range s.Transfers()[10:] { // the kernel delays none of the first
		fastest = min(fastest, x.Duration)
	}
	if fastest > 35*time.Millisecond {
		t.Errorf("the fastest download of 1,000 bytes took %v", fastest)
	}
}
