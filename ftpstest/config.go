package ftpstest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"testing"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
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

	// Users are further users with their passwords. All see the same files.
	Users map[string]string

	// Driver decides who may log in and what they see, in place of User, Users
	// and FS. Server.User and Server.Password are then what Config says, and
	// Server.Files is FS, which may be nil.
	Driver driver.Driver

	// FS holds the files. Nil means a new driver.Mem for each server.
	FS driver.FS

	// Seed is copied into FS at the start: an fstest.MapFS, an embed.FS,
	// os.DirFS of a directory. Nil is nothing.
	Seed fs.FS

	// Addr is where explicit FTPS is spoken and ImplicitAddr where TLS comes
	// first. Empty means a free port of 127.0.0.1, and for ImplicitAddr of the
	// host in Addr. "[::1]:0" is IPv6.
	Addr, ImplicitAddr string

	// Hosts are names and addresses for the certificate, beside localhost and
	// its addresses: what clients on other machines connect to.
	Hosts []string

	// InsecurePlaintext allows logins and transfers without TLS.
	InsecurePlaintext bool

	// DataPorts is how many data ports there are, which needs Addr to be one
	// address. One is enough for any number of clients that resume TLS sessions.
	// 0 means as many as it takes. For certain ports let Configure set Passive.
	DataPorts int

	// Faults are what goes wrong from the start. See Server.Inject.
	Faults []Fault

	// AllowErrors are parts of messages that the server may log as errors.
	// Other errors fail the test. A record is searched as text, with its
	// attributes.
	AllowErrors []string

	// Logger hears what the server logs. Nil means the log of the test and,
	// without a test, silence.
	Logger *slog.Logger

	// Trace gets the transcript line by line as it grows. Nil is nobody.
	Trace io.Writer

	// Configure changes the server's options just before it starts: policies,
	// limits, hooks. What it sets in Hooks and Intercept is called as well as what
	// this package needs there. Nil changes nothing.
	Configure func(*server.Server)
}

// Start starts a server that ends with the test. It is Config.Start with the
// zero Config.
func Start(t testing.TB) *Server {
	t.Helper()
	return Config{}.Start(t)
}

// Start starts a server that ends with the test; what is connected then is cut. A
// failure to start fails the test at once, an error in the server's log fails it
// when the server ends. The log of a failed test shows the Transcript.
func (c Config) Start(t testing.TB) *Server {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	s.t = t
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("ftpstest: what was said:\n%s", s.Transcript())
		}
	})
	return s
}

// validate reports what Start can't find out by trying.
func (c *Config) validate() error {
	var errs []error
	for _, f := range c.Faults {
		errs = append(errs, f.Validate())
	}
	if c.Driver != nil && c.Users != nil {
		errs = append(errs, errors.New("ftpstest: both Driver and Users are set"))
	}
	host, err := c.host()
	switch ip := net.ParseIP(host); {
	case err != nil:
		errs = append(errs, err)
	case c.DataPorts < 0:
		errs = append(errs, fmt.Errorf("ftpstest: DataPorts is %d", c.DataPorts))
	case c.DataPorts > 0 && (host == "" || ip != nil && ip.IsUnspecified()):
		errs = append(errs, fmt.Errorf("ftpstest: DataPorts needs one address in Addr, which is %q", c.Addr))
	}
	return errors.Join(errs...)
}

// host returns the host of Addr.
func (c *Config) host() (host string, err error) {
	host, _, err = net.SplitHostPort(cmp.Or(c.Addr, "127.0.0.1:0"))
	if err != nil {
		return "", fmt.Errorf("ftpstest: Addr: %w", err)
	}
	return host, nil
}

// users returns the Driver for User and Users.
func (c *Config) users(files driver.FS) driver.Driver {
	if c.Driver != nil {
		return c.Driver
	}
	all := users{cmp.Or(c.User, DefaultUser): driver.User(cmp.Or(c.User, DefaultUser), cmp.Or(c.Password, DefaultPassword), files)}
	for name, password := range c.Users {
		all[name] = driver.User(name, password, files)
	}
	return all
}
