// Package ftpstest starts a throwaway FTPS server inside a test, as
// net/http/httptest does for HTTP:
//
//	func TestFetch(t *testing.T) {
//		srv := ftpstest.Start(t)
//		srv.WriteFile("in/orders.csv", "1;2;3\n")
//		got, err := fetch(srv.Addr, srv.User, srv.Password, srv.ClientTLS())
//		...
//	}
//
// The server listens on loopback on ports of the system's choice, has a fresh
// certificate, keeps its files in memory and ends with the test. What it does
// appears in the test's log, commands included, which go test shows when the
// test fails. Any number of them run side by side.
//
// It is for tests only: user and password are well known.
package ftpstest

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// What clients log in with unless a Config says otherwise.
const (
	DefaultUser     = "test"
	DefaultPassword = "secret"
)

// Config says how a throwaway server differs from what Start gives. The zero
// Config is ready for use. One Config may start any number of servers.
type Config struct {
	// User and Password are what clients log in with. Empty means DefaultUser
	// and DefaultPassword.
	User, Password string

	// FS holds the files. Nil means a new driver.Mem for each server.
	FS driver.FS

	// Passive is the set of data ports, for one server, which closes it. Nil
	// lets the system choose.
	Passive *passive.Ports

	// Configure changes the server's options just before it starts: policies,
	// limits, hooks, another driver. Nil changes nothing.
	Configure func(*server.Server)
}

// Server is a running throwaway server. Its fields are to be read only; its
// methods may be called concurrently, but those that can fail the test only
// from the test's goroutine.
type Server struct {
	// Addr is where explicit FTPS is spoken (AUTH TLS) and ImplicitAddr where
	// TLS comes first, both as host:port.
	Addr, ImplicitAddr string

	// User and Password are what clients log in with.
	User, Password string

	// CAFile is a PEM file with the server's certificate, for clients in other
	// languages: curl --cacert, Python's cafile. It goes when the test ends.
	CAFile string

	// FS holds the files.
	FS driver.FS

	// Server is what runs, for Sessions or an early Shutdown.
	Server *server.Server

	t   testing.TB
	tls *tls.Config
}

// Start starts a server that ends with the test. It is Config.Start with the
// zero Config.
func Start(t testing.TB) *Server {
	t.Helper()
	return (&Config{}).Start(t)
}

// Start starts a server that ends with the test, with everything that is
// connected to it then. What goes wrong fails the test at once.
func (c *Config) Start(t testing.TB) *Server {
	t.Helper()
	cert, err := tls.SelfSigned()
	if err != nil {
		t.Fatalf("ftpstest: %v", err)
	}
	s := &Server{
		User: or(c.User, DefaultUser), Password: or(c.Password, DefaultPassword),
		CAFile: filepath.Join(t.TempDir(), "ca.pem"), FS: c.FS, t: t, tls: cert,
	}
	if s.FS == nil {
		s.FS = driver.Mem()
	}
	if err := os.WriteFile(s.CAFile, tls.CertPEM(cert), 0o600); err != nil {
		t.Fatalf("ftpstest: %v", err)
	}
	s.Server = &server.Server{
		Driver:  driver.User(s.User, s.Password, s.FS),
		TLS:     cert,
		Passive: c.Passive,
		Logger:  slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if c.Configure != nil {
		c.Configure(s.Server)
	}
	if err := s.Server.Validate(); err != nil {
		t.Fatalf("ftpstest: %v", err)
	}
	s.serve()
	return s
}

// serve opens both listeners and sees to their end.
func (s *Server) serve() {
	s.t.Helper()
	explicit, implicit := s.listen(), s.listen()
	s.Addr, s.ImplicitAddr = explicit.Addr().String(), implicit.Addr().String()
	ended := make(chan error, 2)
	go func() { ended <- s.Server.Serve(explicit) }()
	go func() {
		if s.Server.TLS == nil { // Configure has taken it away
			implicit.Close()
			ended <- server.ErrServerClosed
			return
		}
		ended <- s.Server.ServeTLS(implicit)
	}()
	s.t.Cleanup(func() {
		s.Server.Close()
		for range cap(ended) {
			if err := <-ended; err != server.ErrServerClosed {
				s.t.Errorf("ftpstest: %v", err)
			}
		}
	})
}

func (s *Server) listen() net.Listener {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatalf("ftpstest: %v", err)
	}
	return ln
}

func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
