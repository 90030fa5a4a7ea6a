package clients

import (
	"bytes"
	"cmp"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// The one user of every Server here.
const (
	User     = "alice"
	Password = "open sesame"
)

// Mode says how a client talks to the server.
type Mode struct {
	Name     string
	Implicit bool // TLS first
	TLS12    bool // no later than TLS 1.2
	Clear    bool // no TLS at all
}

// Modes holds the modes of a client that knows TLS.
var Modes = []Mode{
	{Name: "explicit"},
	{Name: "implicit", Implicit: true},
	{Name: "tls12", TLS12: true},
}

// Options says what a test wants of its Server. The zero Options gives a server
// as a user would start it, with four data ports.
type Options struct {
	Mode    Mode
	Reuse   tls.Reuse
	InPlace bool                               // uploads are written in place
	Wrap    func(driver.FS) (driver.FS, error) // around the directory; nil for none
	CCC     bool                               // CCC is allowed
	Z       bool                               // MODE Z is offered
	Ports   int                                // how many data ports; zero is four
	Full    bool                               // see Server

	EndGrace time.Duration // see server.Server
	TTL      time.Duration // of a lease, see passive.Ports
}

// Server is a server with one user and one directory. It listens for explicit
// and for implicit TLS.
type Server struct {
	Mode Mode
	Full bool   // the Matrix has all its names, and 300 MiB rather than 16
	Root string // the directory it serves
	CA   string // a file with its certificate; empty in clear mode
	Addr string // host and port for the Mode
	Host string
	Port int

	// Transfers returns the transfers that are over.
	Transfers func() []server.Transfer
	// Live returns the sessions there are.
	Live func() []server.SessionInfo

	mu       sync.Mutex
	started  chan<- *os.Process // told of the next program, nil for nobody
	log      bytes.Buffer
	logins   []server.Login
	connects int
}

// Start starts a Server that ends with the test. The output of a failed test
// shows the server's log and what the clients said.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{Mode: o.Mode, Full: o.Full, Root: t.TempDir(), Host: "127.0.0.1"}
	dir, err := driver.OpenDir(s.Root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	if o.InPlace {
		dir.Uploads = driver.InPlace
	}
	var files driver.FS = dir
	if o.Wrap != nil {
		if files, err = o.Wrap(dir); err != nil {
			t.Fatal(err)
		}
	}
	srv := ftpstest.Config{
		User: User, Password: Password, FS: files,
		DataPorts:         cmp.Or(o.Ports, 4),
		InsecurePlaintext: o.Mode.Clear,
		Logger:            slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Configure: func(srv *server.Server) {
			srv.EndGrace, srv.Passive.TTL = o.EndGrace, o.TTL
			srv.SessionReuse, srv.Compress, srv.AllowCCC = o.Reuse, o.Z, o.CCC
			if o.Mode.Clear {
				srv.TLS = nil
			}
			srv.Hooks = &server.Hooks{
				Connect: func(server.SessionInfo) { s.locked(func() { s.connects++ }) },
				Login:   func(l server.Login) { s.locked(func() { s.logins = append(s.logins, l) }) },
			}
		},
	}.Start(t)
	s.Transfers, s.Live, s.Addr = srv.Transfers, srv.Server.Sessions, srv.Addr
	if o.Mode.Implicit {
		s.Addr = srv.ImplicitAddr
	}
	if !o.Mode.Clear {
		s.CA = srv.CAFile
	}
	_, port, err := net.SplitHostPort(s.Addr)
	if err == nil {
		s.Port, err = strconv.Atoi(port)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		srv.Close()
		if n := len(srv.Server.Sessions()); n > 0 {
			t.Errorf("%d sessions are left after Close", n)
		}
		if t.Failed() {
			t.Logf("transcript:\n%s", s.since(0))
		}
	})
	return s
}

func (s *Server) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// tellStarted tells a test that waits for the process of a program.
func (s *Server) tellStarted(p *os.Process) {
	s.locked(func() {
		if s.started != nil {
			s.started <- p
			s.started = nil
		}
	})
}

// Write adds to the transcript: the server's log goes here, and so does what
// the clients say.
func (s *Server) Write(p []byte) (n int, err error) {
	s.locked(func() { n, err = s.log.Write(p) })
	return n, err
}

// mark returns a place in the transcript, for since.
func (s *Server) mark() (n int) {
	s.locked(func() { n = s.log.Len() })
	return n
}

// tooLong is how much of each end of a transcript is shown, in bytes: nobody
// reads more.
const tooLong = 16 << 10

// since returns the transcript from a mark on, without the middle if the text
// is long.
func (s *Server) since(mark int) (text string) {
	s.locked(func() { text = s.log.String()[mark:] })
	if len(text) > 2*tooLong {
		text = text[:tooLong] + "\n[...]\n" + text[len(text)-tooLong:]
	}
	return text
}

// Path returns the path of a served file.
func (s *Server) Path(name string) string { return filepath.Join(s.Root, filepath.FromSlash(name)) }

// Connects returns how many connections there were.
func (s *Server) Connects() (n int) {
	s.locked(func() { n = s.connects })
	return n
}

// lastLogin returns the last attempt to log in; ok is false if there was none.
func (s *Server) lastLogin() (l server.Login, ok bool) {
	s.locked(func() {
		if n := len(s.logins); n > 0 {
			l, ok = s.logins[n-1], true
		}
	})
	return l, ok
}

// lastTransfer returns the last transfer of a file.
func (s *Server) lastTransfer() (last server.Transfer) {
	for _, x := range s.Transfers() {
		switch x.Verb {
		case "RETR", "STOR", "APPE":
			last = x
		}
	}
	return last
}

// WantResumed asserts that every protected data connection so far resumed the
// TLS session of its control connection or, with want false, that none did.
func (s *Server) WantResumed(t *testing.T, want bool) {
	t.Helper()
	all, resumed := 0, 0
	for _, x := range s.Transfers() {
		if !x.Protected || x.Err != nil {
			continue
		}
		all++
		if x.Resumed {
			resumed++
		}
		if x.Resumed != want {
			t.Errorf("%s %s: resumed %v, want %v", x.Verb, x.Path, x.Resumed, want)
		}
	}
	if all == 0 {
		t.Error("there was no protected transfer")
	}
	t.Logf("%d of %d data connections resumed the session", resumed, all)
}
