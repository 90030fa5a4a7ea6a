package clients

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/server"
)

// uploaders begin a slow upload of a file with each of the clients; it takes
// seconds, and the test kills it before that.
var uploaders = map[string]struct {
	kind Kind
	slow func(c Client, local, remote string) error
}{
	"curl": {curlKind, func(c Client, local, remote string) error {
		curl := c.(*curl)
		_, err := curl.run("--limit-rate", "1M", "-T", local, curl.url(remote))
		return err
	}},
	"lftp": {lftpKind, func(c Client, local, remote string) error {
		_, err := c.(*lftp).run("set net:limit-rate 0:1000000", "put "+quote(local)+" -o "+quote(remote))
		return err
	}},
	"Python": {pythonKind, func(c Client, local, remote string) error {
		return c.(*scripted).run(nil, "slow-upload", local, remote)
	}},
}

// kills is how often each client is killed. SALLYPORT_KILLS sets it; CI kills
// each 50 times.
func kills(t *testing.T) int {
	text := os.Getenv("SALLYPORT_KILLS")
	if text == "" {
		return 10
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("SALLYPORT_KILLS is %q; want a number", text)
	}
	return n
}

// Row 47: a client that is killed in the middle of an upload leaves the old file whole.
// The kernel ends the connections of the dead client in any order, and over TLS
// these clients' data connections end without close_notify then.
func TestKilledUploads(t *testing.T) {
	for name, u := range uploaders {
		for _, m := range []Mode{{Name: "TLS"}, {Name: "clear", Clear: true}} {
			t.Run(name+" "+m.Name, func(t *testing.T) {
				s := Start(t, Options{Mode: m})
				st := &stage{t, s, u.kind.New(t, s), t.TempDir()}
				st.write(s.Path("a"), content(1000))
				st.write(st.local("new"), content(20_000_000))
				for i := range kills(t) {
					signals := []syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT}
					if name == "Python" {
						signals = signals[:3] // see TestInterruptedPython
					}
					s.killed(t, signals, func() error { return u.slow(st.c, st.local("new"), "/a") })
					if st.want(s.Path("a"), content(1000)); t.Failed() {
						t.Fatalf("kill %d", i)
					}
				}
			})
		}
	}
}

// Python closes its data connection in order at Ctrl-C, and ends its control connection
// when the interpreter exits, which may take longer than the default grace on a busy
// machine. A longer EndGrace cures that.
func TestInterruptedPython(t *testing.T) {
	u := uploaders["Python"]
	for _, m := range []Mode{{Name: "TLS"}, {Name: "clear", Clear: true}} {
		t.Run(m.Name, func(t *testing.T) {
			s := Start(t, Options{Mode: m, EndGrace: clientTime})
			st := &stage{t, s, u.kind.New(t, s), t.TempDir()}
			st.write(s.Path("a"), content(1000))
			st.write(st.local("new"), content(20_000_000))
			for range 5 {
				s.killed(t, []syscall.Signal{syscall.SIGINT}, func() error { return u.slow(st.c, st.local("new"), "/a") })
				st.want(s.Path("a"), content(1000))
			}
		})
	}
}

// A Python program that uses ftplib as a context manager closes its data connection in
// order and sends QUIT at once, when it is interrupted and when its source fails.
func TestManagedPython(t *testing.T) {
	ends := map[string]struct {
		signals []syscall.Signal
		upload  func(c *scripted, local, remote string) error
	}{
		"interrupted": {[]syscall.Signal{syscall.SIGINT}, func(c *scripted, local, remote string) error {
			return c.run(nil, "managed-upload", local, remote)
		}},
		"source fails": {nil, func(c *scripted, local, remote string) error {
			return c.run(nil, "failing-upload", local, remote, rand.N(1000))
		}},
	}
	for name, e := range ends {
		for _, m := range []Mode{{Name: "TLS"}, {Name: "clear", Clear: true}} {
			t.Run(name+" "+m.Name, func(t *testing.T) {
				s := Start(t, Options{Mode: m})
				st := &stage{t, s, pythonKind.New(t, s), t.TempDir()}
				st.write(s.Path("a"), content(1000))
				st.write(st.local("new"), content(20_000_000))
				for i := range kills(t) {
					s.killed(t, e.signals, func() error { return e.upload(st.c.(*scripted), st.local("new"), "/a") })
					if st.want(s.Path("a"), content(1000)); t.Failed() {
						t.Fatalf("end %d", i)
					}
				}
			})
		}
	}
}

// killed kills a client at a random moment of its upload, or lets it fail if there are no
// signals, and waits until the server has made up its mind.
func (s *Server) killed(t *testing.T, signals []syscall.Signal, upload func() error) {
	t.Helper()
	before := len(s.uploads())
	started, ended := make(chan *os.Process, 1), make(chan error, 1)
	s.locked(func() { s.started = started })
	go func() { ended <- upload() }()
	p := <-started
	s.until(t, "an upload under way", func() bool {
		for _, x := range s.Live() {
			if x.Transferred > 0 {
				return true
			}
		}
		return len(ended) > 0
	})
	var sig syscall.Signal
	if len(signals) > 0 {
		time.Sleep(rand.N(50 * time.Millisecond))
		sig = signals[rand.N(len(signals))]
		fmt.Fprintf(s, "$ %v\n", sig)
		if err := p.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-ended; err == nil {
		t.Fatal("the client survived")
	}
	s.until(t, "the end of the upload", func() bool { return len(s.uploads()) > before && len(s.Live()) == 0 })
	for _, x := range s.uploads()[before:] {
		if x.Err == nil {
			t.Errorf("%v: the server took %d bytes for the whole: %+v", sig, x.Bytes, x)
		}
	}
}

// uploads returns the uploads that are over.
func (s *Server) uploads() (all []server.Transfer) {
	for _, x := range s.Transfers() {
		if x.Verb == "STOR" {
			all = append(all, x)
		}
	}
	return all
}

// until waits for what another process brings about.
func (s *Server) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(clientTime); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
