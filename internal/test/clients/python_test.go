package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// ftplib offers no session on its data connections.
var pythonKind = Kind{
	New: func(t *testing.T, s *Server) Client {
		return &scripted{Program{Server: s, Home: t.TempDir()}, python(t), here(t, "testdata/client.py")}
	},
	Resumes: Never,
}

// python returns the interpreter itself rather than a wrapper that chooses one
// at every start, which takes longer than the whole client.
func python(t *testing.T) string {
	t.Helper()
	name := testenv.NeedBinary(t, "python3")
	out, err := exec.Command(name, "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// scripted drives a library by a short script in its language. The script's
// first argument says in JSON what to do, and its standard output is the answer
// in JSON.
type scripted struct {
	Program
	interpreter, script string
}

// here returns the absolute path of a file of this directory.
func here(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (c *scripted) run(answer any, op string, args ...any) error {
	return c.as(Password, answer, op, args...)
}

func (c *scripted) as(password string, answer any, op string, args ...any) error {
	s := c.Server
	what, err := json.Marshal(map[string]any{
		"host": s.Host, "port": s.Port, "user": User, "password": password, "ca": s.CA,
		"implicit": s.Mode.Implicit, "tls12": s.Mode.TLS12, "op": op, "args": args,
	})
	if err != nil {
		return err
	}
	out, err := c.Run(c.interpreter, c.script, string(what))
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal([]byte(out), answer)
}

func (c *scripted) Login(password string) error { return c.as(password, nil, "login") }

func (c *scripted) List(dir string) ([]string, error) {
	var out string
	err := c.run(&out, "list", dir)
	return Long(out), err
}

func (c *scripted) Facts(dir string) (names []string, err error) {
	return names, c.run(&names, "facts", dir)
}

func (c *scripted) Upload(local, remote string) error { return c.run(nil, "upload", local, remote) }

func (c *scripted) Download(remote, local string) error { return c.run(nil, "download", remote, local) }

func (c *scripted) ResumeUpload(local, remote string) error {
	return c.run(nil, "resume-upload", local, remote)
}

func (c *scripted) ResumeDownload(remote, local string) error {
	return c.run(nil, "resume-download", remote, local)
}

func (c *scripted) Rename(from, to string) error { return c.run(nil, "rename", from, to) }

func (c *scripted) Delete(remote string) error { return c.run(nil, "delete", remote) }

func TestPython(t *testing.T) { pythonKind.Meet(t) }

// A client that never resumes is told that it must, and keeps the control
// connection.
func TestPythonRequired(t *testing.T) {
	for _, m := range Modes {
		t.Run(m.Name, func(t *testing.T) {
			s := Start(t, Options{Mode: m, Reuse: tls.Require, TTL: 2 * time.Second})
			c := pythonKind.New(t, s).(*scripted)
			st := &stage{t, s, c, t.TempDir()}
			st.write(s.Path("old"), content(1000))
			var said []string
			st.do("transfers", c.run(&said, "refused", "old"))
			if len(said) != 4 || said[3] != "/" {
				t.Fatalf("the client heard %q", said)
			}
			for _, reply := range said[:3] {
				if !strings.HasPrefix(reply, "522 ") {
					t.Errorf("the reply is %q, want 522", reply)
				}
			}
			for _, x := range s.Transfers() {
				if !errors.Is(x.Err, passive.ErrUnproven) || x.Bytes != 0 {
					t.Errorf("%s moved %d bytes, error %v", x.Verb, x.Bytes, x.Err)
				}
			}
			st.want(s.Path("old"), content(1000))
			if _, err := os.Stat(s.Path("new")); err == nil {
				t.Error("the refused upload left a file")
			}
			st.wantTransfers(3, 1)
		})
	}
}

// A client that closes right after its last write, without a look at what the
// server sent, loses nothing. With TLS 1.3 a ticket that the client did not
// read would make its kernel cut the connection.
func TestAbruptUploads(t *testing.T) {
	for _, m := range Modes {
		t.Run(m.Name, func(t *testing.T) {
			s := Start(t, Options{Mode: m, EndGrace: -1})
			c := pythonKind.New(t, s).(*scripted)
			const size, count = 1000, 200
			st := &stage{t, s, c, t.TempDir()}
			st.do("uploads", c.run(nil, "abrupt", size, count))
			for i := range count {
				st.want(s.Path("small"+strconv.Itoa(i)), bytes.Repeat([]byte{byte(i)}, size))
			}
			for _, x := range s.Transfers() {
				if x.Err != nil || !x.Truncated {
					t.Errorf("%s: error %v, truncated %v, want an end without close_notify", x.Path, x.Err, x.Truncated)
				}
			}
			st.wantTransfers(count, 1)
		})
	}
}
