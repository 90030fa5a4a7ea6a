package probe

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// real is this module's server on loopback, which a case sets up wrongly.
type real struct {
	*server.Server
	probe    *Probe
	implicit bool // serve implicit TLS, and nothing else
	occupied bool // somebody else has connected already
	files    *driver.MemFS
}

// ours holds the mistakes that can be made in setting up this module's
// server.
var ours = []struct {
	name   string
	want   []ID
	change func(*testing.T, *real)
}{
	{"good", []ID{ExplicitWorks, CertTrusted, PassiveAddressOK, DataWorks}, nil},
	{"implicit", []ID{ImplicitWorks, DataWorks}, func(_ *testing.T, s *real) { s.implicit = true }},
	{"private address", []ID{PasvPrivate, DataWorks}, func(t *testing.T, s *real) { s.announce(t, "10.1.2.3") }},
	{"container's address", []ID{PasvContainer, DataWorks}, func(t *testing.T, s *real) { s.announce(t, "172.17.0.2") }},
	{"other address", []ID{PasvOther, DataWorks}, func(t *testing.T, s *real) { s.announce(t, "203.0.113.7") }},
	{"no forwarding of data ports", []ID{DataRefused}, func(_ *testing.T, s *real) {
		s.Passive.Offset = -9000 // names ports that nobody forwards
	}},
	{"data ports filtered", []ID{DataFiltered}, func(_ *testing.T, s *real) {
		s.probe.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if netip.MustParseAddrPort(address).Port() != s.probe.Ports[0] {
				return nil, &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	}},
	{"half of the range forwarded", []ID{PortsDead, DataWorks}, func(_ *testing.T, s *real) {
		s.probe.Requests = 20 // as the server chooses among five at random
		s.probe.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if port := netip.MustParseAddrPort(address).Port(); port != s.probe.Ports[0] && port%2 == 0 {
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	}},
	{"no data port can be opened", []ID{PassiveRefused}, func(_ *testing.T, s *real) {
		s.Passive.Listen = func(context.Context, string, string) (net.Listener, error) { return nil, errors.New("no") }
	}},
	{"no range of ports", []ID{PortsWide, DataWorks}, func(_ *testing.T, s *real) { s.Passive = nil }},
	{"reuse required", []ID{ReuseRequired, DataWorks}, func(_ *testing.T, s *real) { s.SessionReuse = tls.Require }},
	{"no EPSV", []ID{EPSVRefused, DataWorks}, func(_ *testing.T, s *real) { s.NoEPSV = true }},
	{"TLS 1.2", []ID{TLSNo13, DataWorks}, func(_ *testing.T, s *real) { s.TLS.MaxVersion = tls.VersionTLS12 }},
	{"TLS 1.0", []ID{TLSOld, DataWorks}, func(_ *testing.T, s *real) { s.TLS.MinVersion = stdtls.VersionTLS10 }},
	{"expired", []ID{CertExpired, LoginWithheld}, func(_ *testing.T, s *real) {
		s.TLS = good(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	}},
	{"wrong name", []ID{CertName, LoginWithheld}, func(_ *testing.T, s *real) { s.probe.ServerName = "ftp.example.org" }},
	{"self-signed", []ID{CertSelfSigned, LoginWithheld}, func(t *testing.T, s *real) {
		cfg, err := tls.SelfSigned()
		require.NoError(t, err)
		s.TLS = cfg
	}},
	{"no TLS", []ID{AuthRefused, LoginWithheld}, func(_ *testing.T, s *real) { s.TLS, s.InsecurePlaintext = nil, true }},
	{"clear logins", []ID{ClearLogin, DataWorks}, func(_ *testing.T, s *real) { s.InsecurePlaintext = true }},
	{"nobody may log in", []ID{LoginRefused}, func(_ *testing.T, s *real) { s.Driver = nil }},
	{"no credentials", []ID{LoginNotGiven}, func(_ *testing.T, s *real) { s.probe.User = "" }},
	{"no such directory", []ID{ListRefused}, func(_ *testing.T, s *real) { s.probe.Path = "nowhere" }},
	{"upload", []ID{UploadWorks, DataWorks}, func(_ *testing.T, s *real) { s.probe.AllowWrite = true }},
	{"read-only", []ID{UploadRefused, DataWorks}, func(_ *testing.T, s *real) {
		s.probe.AllowWrite, s.Driver = true, driver.User("alice", "secret", driver.WithoutWrites(s.files))
	}},
	{"too many sessions", []ID{GreetingRefused}, func(_ *testing.T, s *real) { s.MaxSessions = 1; s.occupied = true }},
}

func (s *real) announce(t *testing.T, address string) {
	t.Helper()
	s.Passive.Announce = passive.Address(address)
}

func oursPorts(t *testing.T) *passive.Ports {
	t.Helper()
	low := testenv.FreePorts(t, 5)
	ports, err := passive.Range(fmt.Sprintf("%d-%d", low, low+4))
	require.NoError(t, err)
	t.Cleanup(func() { ports.Close() })
	return ports
}

// TestOurs probes this module's server with each of the mistakes.
func TestOurs(t *testing.T) {
	for _, c := range ours {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := driver.Mem()
			s := &real{
				probe: &Probe{Host: "127.0.0.1", User: "alice", Password: "secret", RootCAs: pool(root()), Timeout: 30 * time.Second},
				files: files,
			}
			srv := ftpstest.Config{
				User: "alice", Password: "secret", FS: files, AllowErrors: []string{"data port"},
				Configure: func(srv *server.Server) {
					srv.TLS, srv.Passive, s.Server = good(nil), oursPorts(t), srv
					if c.change != nil {
						c.change(t, s)
					}
				},
			}.Start(t)
			report := s.run(t, srv)
			t.Logf("\n%s", report)
			for _, id := range c.want {
				_, ok := report.Find(id)
				require.True(t, ok, "no finding %s", id)
			}
			for _, f := range report.Findings {
				if f.Severity == Fail || f.Severity == Warn {
					require.Contains(t, c.want, f.ID, "%+v", f)
				}
			}
			for entry, err := range files.List(t.Context(), ".") {
				require.NoError(t, err)
				t.Errorf("left behind: %s", entry.Name())
			}
		})
	}
}

// run probes the server.
func (s *real) run(t *testing.T, srv *ftpstest.Server) *Report {
	t.Helper()
	addr := srv.Addr
	if s.implicit {
		addr = srv.ImplicitAddr
	}
	if s.occupied {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer conn.Close()
		_, err = conn.Read(make([]byte, 3)) // waits for the greeting: the session counts from then on
		require.NoError(t, err)
	}
	s.probe.Ports = []uint16{netip.MustParseAddrPort(addr).Port()}
	return s.probe.Run(t.Context())
}

func TestNotRunning(t *testing.T) {
	report := (&Probe{Host: "127.0.0.1", Ports: []uint16{uint16(testenv.FreePorts(t, 1))}}).Run(t.Context())
	_, ok := report.Find(ControlRefused)
	require.True(t, ok, "%s", report)
	require.False(t, report.OK)
}
