package clients

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// Client drives a stock client. Every method is one run of it from login to
// QUIT. Remote paths begin with a slash. An error of type Cannot says that the
// client has no way to do this.
type Client interface {
	// Login logs in with a password and leaves.
	Login(password string) error
	// List returns the names in a directory, by LIST.
	List(dir string) ([]string, error)
	// Facts returns the names in a directory, by MLSD.
	Facts(dir string) ([]string, error)
	Upload(local, remote string) error
	Download(remote, local string) error
	// ResumeUpload continues an upload whose beginning is at the server.
	ResumeUpload(local, remote string) error
	// ResumeDownload continues a download whose beginning is here.
	ResumeDownload(remote, local string) error
	Rename(from, to string) error
	Delete(remote string) error
}

// Cannot says what a client has no way to do, and why.
type Cannot string

func (c Cannot) Error() string { return string(c) }

// Matrix puts a client through every step.
func Matrix(t *testing.T, s *Server, c Client) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			mark := s.mark()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the client and the server:\n%s", s.since(mark))
				}
			})
			step.run(&stage{t, s, c, t.TempDir()})
		})
	}
}

// steps is what every client does, in this order.
var steps = []struct {
	name string
	run  func(*stage)
}{
	{"login", (*stage).login},
	{"LIST", (*stage).list},
	{"MLSD", (*stage).facts},
	{"upload", (*stage).upload},
	{"download", (*stage).download},
	{"resume upload", (*stage).resumeUpload},
	{"resume download", (*stage).resumeDownload},
	{"rename", (*stage).rename},
	{"delete", (*stage).remove},
	{"empty file", (*stage).empty},
	{"names", (*stage).names},
	{"large file", (*stage).large},
}

// stage is what a step works with.
type stage struct {
	*testing.T
	srv *Server
	c   Client
	dir string // the client's side
}

// local returns the path of a file at the client's side.
func (s *stage) local(name string) string { return filepath.Join(s.dir, name) }

// do fails the step when the client has failed, and skips it when the client
// has no way to do this.
func (s *stage) do(what string, err error) {
	s.Helper()
	var cannot Cannot
	switch {
	case errors.As(err, &cannot):
		s.Skipf("%s: the client has no way to do this: %s", what, cannot)
	case err != nil:
		s.Fatalf("%s: %v", what, err)
	}
}

func (s *stage) write(file string, data []byte) {
	s.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) want(file string, data []byte) {
	s.Helper()
	got, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	if !bytes.Equal(got, data) {
		s.Fatalf("%s has %d bytes that differ from the %d expected", file, len(got), len(data))
	}
}

func (s *stage) wantNames(what string, got []string, want ...string) {
	s.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("%s shows %q, want %q", what, got, want)
	}
}

// wantMoved asserts that the last transfer moved only the rest of a file.
func (s *stage) wantMoved(n int) {
	s.Helper()
	if x := s.srv.lastTransfer(); x.Bytes != int64(n) {
		s.Errorf("%s %s moved %d bytes, want the missing %d only", x.Verb, x.Path, x.Bytes, n)
	}
}

// wantTransfers asserts how many transfers there were on how many control
// connections.
func (s *stage) wantTransfers(transfers, connects int) {
	s.Helper()
	if n := len(s.srv.Transfers()); n != transfers {
		s.Errorf("%d transfers, want %d", n, transfers)
	}
	if n := s.srv.Connects(); n != connects {
		s.Errorf("%d control connections, want %d", n, connects)
	}
}

func (s *stage) login() {
	s.do("login", s.c.Login(Password))
	if l, ok := s.srv.lastLogin(); !ok || l.Err != nil {
		s.Errorf("the server saw no login: %+v", l)
	}
	if err := s.c.Login("wrong"); err == nil {
		s.Error("the client takes a refused login for a success")
	}
	if l, _ := s.srv.lastLogin(); !errors.Is(l.Err, driver.ErrLogin) {
		s.Errorf("a wrong password: %v", l.Err)
	}
}

func (s *stage) list() { s.listing("LIST", s.c.List) }

func (s *stage) facts() { s.listing("MLSD", s.c.Facts) }

func (s *stage) listing(verb string, list func(string) ([]string, error)) {
	s.write(s.srv.Path("l"+verb+"/one"), []byte("1"))
	s.write(s.srv.Path("l"+verb+"/two"), []byte("22"))
	s.write(s.srv.Path("l"+verb+"/sub/three"), []byte("333"))
	names, err := list("/l" + verb)
	s.do(verb, err)
	s.wantNames(verb, names, "one", "sub", "two")
	all := s.srv.Transfers()
	if !slices.ContainsFunc(all, func(x server.Transfer) bool { return x.Verb == verb && x.Path == "/l"+verb }) {
		s.Errorf("the server saw no %s of the directory", verb)
	}
}

func (s *stage) upload() {
	data := content(100_000)
	s.write(s.local("up.bin"), data)
	s.do("upload", s.c.Upload(s.local("up.bin"), "/up.bin"))
	s.want(s.srv.Path("up.bin"), data)

	if x := s.srv.lastTransfer(); !s.srv.Mode.Clear && x.Unproven {
		s.Errorf("the upload ended without close_notify: %+v", x)
	}

	s.write(s.local("up.bin"), data[:70_000])
	s.do("upload over it", s.c.Upload(s.local("up.bin"), "/up.bin"))
	s.want(s.srv.Path("up.bin"), data[:70_000])
}

func (s *stage) download() {
	data := content(100_000)
	s.write(s.srv.Path("down.bin"), data)
	s.do("download", s.c.Download("/down.bin", s.local("down.bin")))
	s.want(s.local("down.bin"), data)
}

func (s *stage) resumeUpload() {
	data := content(100_000)
	s.write(s.local("reput.bin"), data)
	s.write(s.srv.Path("reput.bin"), data[:40_000])
	s.do("resume", s.c.ResumeUpload(s.local("reput.bin"), "/reput.bin"))
	s.want(s.srv.Path("reput.bin"), data)
	s.wantMoved(60_000)
}

func (s *stage) resumeDownload() {
	data := content(100_000)
	s.write(s.srv.Path("reget.bin"), data)
	s.write(s.local("reget.bin"), data[:40_000])
	s.do("resume", s.c.ResumeDownload("/reget.bin", s.local("reget.bin")))
	s.want(s.local("reget.bin"), data)
	s.wantMoved(60_000)
}

func (s *stage) rename() {
	s.write(s.srv.Path("before"), []byte("same"))
	s.write(s.srv.Path("dir/other"), nil)
	s.do("rename", s.c.Rename("/before", "/dir/after"))
	s.want(s.srv.Path("dir/after"), []byte("same"))
	if _, err := os.Stat(s.srv.Path("before")); err == nil {
		s.Error("the old name is still there")
	}
}

func (s *stage) remove() {
	s.write(s.srv.Path("doomed"), nil)
	s.do("delete", s.c.Delete("/doomed"))
	if _, err := os.Stat(s.srv.Path("doomed")); err == nil {
		s.Error("the file is still there")
	}
}

func (s *stage) empty() {
	s.write(s.local("nothing"), nil)
	s.do("upload", s.c.Upload(s.local("nothing"), "/nothing"))
	s.want(s.srv.Path("nothing"), nil)
	s.do("download", s.c.Download("/nothing", s.local("back")))
	s.want(s.local("back"), nil)
}

// names goes round with names that parsers of commands, replies, listings and
// URLs trip over.
func (s *stage) names() {
	const dir = "a dir/with \"quotes\" & ümlaut"
	names := []string{
		"two  spaces.txt",
		`it's a "quoted" name`,
		"Grüße 日本語 😀.txt",
		"50%20 #1;x [2].txt",
		"back\\slash",
	}
	if !s.srv.Full {
		names = names[:2]
	}
	for i, name := range names {
		data := content(1000 + i)
		s.write(s.srv.Path(dir+"/seed"), nil)
		s.write(s.local("file"), data)
		remote := path.Join("/", dir, name)
		s.do("upload of "+name, s.c.Upload(s.local("file"), remote))
		s.want(s.srv.Path(remote), data)
		list, err := s.c.List(path.Dir(remote))
		s.do("LIST with "+name, err)
		s.wantNames("LIST", list, "seed", name)
		s.do("download of "+name, s.c.Download(remote, s.local("back")))
		s.want(s.local("back"), data)
		s.do("rename of "+name, s.c.Rename(remote, remote+" 2"))
		s.want(s.srv.Path(remote+" 2"), data)
		s.do("delete of "+name, s.c.Delete(remote+" 2"))
		if _, err := os.Stat(s.srv.Path(remote + " 2")); err == nil {
			s.Errorf("%s is still there", name)
		}
		os.Remove(s.local("back"))
	}
}

func (s *stage) large() {
	size := int64(16 << 20)
	if s.srv.Full && !testing.Short() {
		size = 300 << 20
	}
	sum := random(s.T, s.local("large"), size)
	s.do("upload", s.c.Upload(s.local("large"), "/large"))
	if hash(s.T, s.srv.Path("large")) != sum {
		s.Fatal("what arrived at the server is not what was sent")
	}
	s.do("download", s.c.Download("/large", s.local("back")))
	if hash(s.T, s.local("back")) != sum {
		s.Fatal("what came back is not what was sent")
	}
	if err := os.Remove(s.srv.Path("large")); err != nil {
		s.Fatal(err)
	}
}

// content returns n bytes without a pattern, the same for the same n. Line
// ends in it show whether a client asked for text mode.
func content(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	copy(b, "\r\nunix\nmac\r\r\n")
	return b
}

// random writes a file of n bytes without a pattern and returns their SHA-256.
func random(t *testing.T, file string, n int64) [sha256.Size]byte {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(f, h), rand.NewChaCha8([32]byte{}), n); err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func hash(t *testing.T, file string) [sha256.Size]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
