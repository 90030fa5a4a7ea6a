package clients

import (
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/tls"
)

// curl tells OpenSSL not to ask for tickets in TLS 1.2, and nothing else can be
// resumed here: Go's server keeps no sessions.
var curlKind = Kind{
	New: func(t *testing.T, s *Server) Client {
		return &curl{Program{Server: s, Home: t.TempDir()}, testenv.NeedBinary(t, "curl")}
	},
	Resumes: func(m Mode) bool { return !m.TLS12 },
}

type curl struct {
	Program
	path string
}

func (c *curl) run(args ...string) (string, error) { return c.as(Password, args...) }

func (c *curl) as(password string, args ...string) (string, error) {
	all := []string{"-q", "-sSv", "--globoff", "--max-time", "100", "--user", User + ":" + password}
	if s := c.Server; !s.Mode.Clear {
		all = append(all, "--ssl-reqd", "--cacert", s.CA)
	}
	if c.Server.Mode.TLS12 {
		all = append(all, "--tls-max", "1.2")
	}
	return c.Run(c.path, append(all, args...)...)
}

func (c *curl) url(remote string) string {
	parts := strings.Split(remote, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	scheme := "ftp"
	if c.Server.Mode.Implicit {
		scheme = "ftps"
	}
	return scheme + "://" + c.Server.Addr + strings.Join(parts, "/")
}

func (c *curl) Login(password string) error {
	_, err := c.as(password, "-I", c.url("/"))
	return err
}

func (c *curl) List(dir string) ([]string, error) {
	out, err := c.run(c.url(dir + "/"))
	return Long(out), err
}

func (c *curl) Facts(dir string) ([]string, error) {
	out, err := c.run("-X", "MLSD", c.url(dir+"/"))
	return Facts(out), err
}

func (c *curl) Upload(local, remote string) error {
	_, err := c.run("-T", local, c.url(remote))
	return err
}

func (c *curl) Download(remote, local string) error {
	_, err := c.run("-o", local, c.url(remote))
	return err
}

func (c *curl) ResumeUpload(local, remote string) error {
	_, err := c.run("-C", "-", "-T", local, c.url(remote))
	return err
}

func (c *curl) ResumeDownload(remote, local string) error {
	_, err := c.run("-C", "-", "-o", local, c.url(remote))
	return err
}

func (c *curl) Rename(from, to string) error {
	_, err := c.run("-I", "-Q", "RNFR "+from, "-Q", "RNTO "+to, c.url("/"))
	return err
}

func (c *curl) Delete(remote string) error {
	_, err := c.run("-I", "-Q", "DELE "+remote, c.url("/"))
	return err
}

func TestCurl(t *testing.T) { curlKind.Meet(t) }

func TestCurlRequired(t *testing.T) { curlKind.Required(t) }

func TestCurlClear(t *testing.T) {
	s := Start(t, Options{Mode: Mode{Clear: true}})
	Matrix(t, s, curlKind.New(t, s))
}

// A ticket of OpenSSL serves once. With many transfers on one control
// connection each data connection has to hand out the ticket for the next.
func TestCurlManyDownloads(t *testing.T) {
	for _, m := range Modes {
		if !curlKind.Resumes(m) {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			s := Start(t, Options{Mode: m, Reuse: tls.Require, Ports: 1})
			c := curlKind.New(t, s).(*curl)
			st := &stage{t, s, c, t.TempDir()}
			const n = 6
			var args []string
			for i := range n {
				name := strconv.Itoa(i)
				st.write(s.Path(name), content(i*5_000))
				args = append(args, "-o", st.local(name), c.url("/"+name), "-o", st.local("list"), c.url("/"))
			}
			_, err := c.run(args...)
			st.do("downloads", err)
			for i := range n {
				st.want(st.local(strconv.Itoa(i)), content(i*5_000))
			}
			st.wantTransfers(2*n, 1)
			s.WantResumed(t, true)
		})
	}
}

// Up to 8.9 curl closes after an upload without reading, never sees the ticket
// that came after the last byte, and has none for the next data connection.
// That connection is not resumed, and works all the same.
func TestCurlManyUploads(t *testing.T) {
	for _, m := range Modes {
		t.Run(m.Name, func(t *testing.T) {
			s := Start(t, Options{Mode: m, Ports: 1})
			c := curlKind.New(t, s).(*curl)
			st := &stage{t, s, c, t.TempDir()}
			const n = 8
			var args []string
			for i := range n {
				name := strconv.Itoa(i)
				st.write(st.local(name), content(i*5_000))
				args = append(args, "-T", st.local(name), c.url("/"+name))
			}
			_, err := c.run(args...)
			st.do("uploads", err)
			for i := range n {
				st.want(s.Path(strconv.Itoa(i)), content(i*5_000))
			}
			st.wantTransfers(n, 1)
			if first := s.Transfers()[0]; first.Resumed != curlKind.Resumes(m) {
				t.Errorf("the first data connection: resumed %v", first.Resumed)
			}
		})
	}
}

// A name that is not UTF-8, as a camera makes it, works like any other.
func TestCurlRawNames(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the system's names are text")
	}
	s := Start(t, Options{Mode: Modes[0]})
	st := &stage{t, s, curlKind.New(t, s), t.TempDir()}
	const name = "caf\xe9.txt"
	st.write(st.local("a"), content(1000))
	st.do("upload", st.c.Upload(st.local("a"), "/"+name))
	st.want(s.Path(name), content(1000))
	names, err := st.c.List("")
	st.do("list", err)
	if len(names) != 1 || names[0] != name {
		t.Errorf("the listing shows %q", names)
	}
	st.do("download", st.c.Download("/"+name, st.local("b")))
	st.want(st.local("b"), content(1000))
	st.do("delete", st.c.Delete("/"+name))
}
