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
// certificate, keeps its files in memory and ends with the test. A test that
// failed shows what was said, a test whose server logged an error fails. Any
// number of servers run side by side; starting one takes about a millisecond.
//
// Faults make the server misbehave, for tests of what a client does then: it
// cuts connections, stalls, refuses, announces wrong addresses. See Kinds.
//
// New starts a server without a test, for programs.
//
// # Security considerations
//
// The server is for tests only: user and password are well known, and whoever reaches
// the server reads and changes its files. Without [Config.Addr] nobody on another host
// can reach it. A program that wants others to reach the server names an address, and
// should choose a password.
//
// It counts as a vulnerability when the server listens anywhere else than Config says,
// data ports included, and when a private key reaches a disk.
package ftpstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/tempdir"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// Server is a running throwaway server. Its fields are to be read only. Its
// methods may be called concurrently, except that methods which can fail the
// test are for the test's goroutine. Without a test (see New), such methods
// panic instead.
type Server struct {
	// Addr is where explicit FTPS is spoken (AUTH TLS) and ImplicitAddr where
	// TLS comes first, both as host:port.
	Addr, ImplicitAddr string

	// User and Password are what clients log in with.
	User, Password string

	// CAFile is a PEM file with the server's certificate, for clients in other
	// languages: curl --cacert, Python's cafile. The file is removed with the server.
	CAFile string

	// FS holds the files.
	FS driver.FS

	// Server is what runs, for Sessions or an early Shutdown.
	Server *server.Server

	t          testing.TB // a noTest for New
	tls        *tls.Config
	log        *recorder
	sessions   sessions
	transcript transcript
	transfers  transfers
	arrivals   arrivals
	faults     faults
	background sync.WaitGroup     // what faults have started
	life       context.Context    // ends with Close
	end        context.CancelFunc // ends life

	ended    []<-chan error // of Serve
	closing  sync.Once
	closeErr error
	release  []func() error // called by Close, in this order
}

// New starts a server, which the caller closes.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		User: cmp.Or(c.User, DefaultUser), Password: cmp.Or(c.Password, DefaultPassword),
		FS: c.FS, log: newRecorder(c.Logger, c.AllowErrors), transcript: transcript{copy: c.Trace}, t: noTest{},
	}
	s.life, s.end = context.WithCancel(context.Background())
	if s.FS == nil && c.Driver == nil {
		s.FS = driver.Mem()
	}
	err := s.certify(c.Hosts)
	if err == nil && c.Seed != nil {
		err = seed(s.FS, c.Seed)
	}
	if err == nil {
		err = s.configure(c)
	}
	if err == nil {
		err = s.serve(c)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ftpstest: %w", err), s.Close())
	}
	return s, nil
}

// certify makes the certificate and its file.
func (s *Server) certify(hosts []string) (err error) {
	if s.tls, err = tls.SelfSigned(append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)...); err != nil {
		return err
	}
	dir, remove, err := tempdir.Make("ftpstest-live-")
	if err != nil {
		return err
	}
	s.release = append(s.release, remove)
	s.CAFile = filepath.Join(dir, "ca.pem")
	return os.WriteFile(s.CAFile, tls.CertPEM(s.tls), 0o600)
}

// configure makes the server and lets the Config change it.
func (s *Server) configure(c Config) error {
	s.Server = &server.Server{
		Driver:            c.users(s.FS),
		TLS:               s.tls,
		InsecurePlaintext: c.InsecurePlaintext,
		Logger:            s.log.logger(),
	}
	if c.DataPorts > 0 {
		host, err := c.host()
		if err != nil {
			return err
		}
		ports, err := s.dataPorts(c.DataPorts, host)
		if err != nil {
			return err
		}
		s.Server.Passive = ports
		s.release = slices.Insert(s.release, 0, ports.Close) // closed before the listeners that it uses
	}
	if c.Configure != nil {
		c.Configure(s.Server)
	}
	s.observe(s.Server)
	s.interfere(s.Server)
	s.faults.add(c.Faults)
	return s.Server.Validate()
}

// Close stops the server and cuts what is connected to it. The error tells of every
// error that the server logged and [Config.AllowErrors] doesn't know. Further calls
// return the same. With a test, Close is called when the test ends.
func (s *Server) Close() error {
	s.closing.Do(func() {
		if s.Server != nil {
			s.Server.Close()
		}
		s.end()
		s.background.Wait()
		var errs []error
		for _, ended := range s.ended {
			if err := <-ended; err != server.ErrServerClosed {
				errs = append(errs, fmt.Errorf("ftpstest: %w", err))
			}
		}
		errs = append(errs, s.log.errors())
		for _, release := range s.release {
			errs = append(errs, release())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// fatal ends the test.
func (s *Server) fatal(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("ftpstest: "+format, args...)
}

// fail fails the test and lets it go on.
func (s *Server) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Errorf("ftpstest: "+format, args...)
}

// noTest takes the place of a test for New.
type noTest struct{ testing.TB }

func (noTest) Helper() {}

func (noTest) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (noTest) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
