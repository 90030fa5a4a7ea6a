package server_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// Validate reports everything that is wrong at once, and Serve reports the same.
func TestValidate(t *testing.T) {
	ports, err := passive.Range("65000-65010")
	require.NoError(t, err)
	ports.Offset, ports.TTL = 1000, -1
	srv := &server.Server{
		Driver: driver.User("", "", nil), SessionReuse: tls.Require, Passive: ports,
		Disabled: []string{"DELE", "dele", "DELETE", "SITE", "SITE NONSENSE", "MKDIR", "", "QUIT"}, SessionPrefix: "a b-",
	}
	err = srv.Validate()
	for _, part := range []string{
		"TLS, InsecurePlaintext: there is no certificate", "SessionReuse, TLS: tls.Require needs", "name is empty", "password is empty", "files are nil", "Offset is 1000", "TTL is -1ns", `SessionPrefix: "a b-" can't begin`,
		`Disabled: "DELETE"`, `Disabled: "SITE NONSENSE"`, `Disabled: "MKDIR"`, `Disabled: ""`, "Disabled: without QUIT",
	} {
		require.ErrorContains(t, err, part)
	}
	require.Equal(t, 5, strings.Count(err.Error(), "Disabled"))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.EqualError(t, srv.Serve(ln), srv.Validate().Error())
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorContains(t, srv.ListenAndServe("127.0.0.1:0"), "there is no certificate")
	require.NoError(t, srv.Close())

	require.ErrorContains(t, (&server.Server{TLS: new(tls.Config)}).Validate(), "no certificate")
	require.ErrorContains(t, (&server.Server{TLS: certificate(), SessionReuse: 7}).Validate(), "SessionReuse: 7")
	require.ErrorContains(t, (&server.Server{TLS: certificate(), SessionPrefix: strings.Repeat("a", 33)}).Validate(), "SessionPrefix")
	require.NoError(t, (&server.Server{TLS: certificate(), SessionPrefix: "host-1.a_"}).Validate())
	require.NoError(t, (&server.Server{TLS: certificate()}).Validate())
	require.NoError(t, (&server.Server{InsecurePlaintext: true}).Validate())
}

// Each error names its fields, for programs that call the fields something else.
func TestFieldErrors(t *testing.T) {
	ports, err := passive.Range("65000-65010")
	require.NoError(t, err)
	ports.TTL = -1
	srv := &server.Server{
		TLS: new(tls.Config), Driver: driver.User("", "", nil), SessionReuse: tls.Off, Passive: ports, Disabled: []string{"QUIT"},
		SharedAddress: true, Active: new(server.Active), InsecurePlaintext: true,
	}
	var fields []string
	for _, err := range joined.Errors(srv.Validate()) {
		field, ok := errors.AsType[*server.FieldError](err)
		require.True(t, ok, err)
		require.NotContains(t, field.Err.Error(), "\n")
		fields = append(fields, strings.Join(field.Fields, " "))
	}
	require.Equal(t, []string{
		"TLS", "SharedAddress SessionReuse", "SharedAddress Active", "SharedAddress InsecurePlaintext", "Disabled", "Driver", "Driver", "Driver", "Passive",
	}, fields)

	srv = &server.Server{TLS: certificate()}
	defer srv.Close()
	for name, change := range map[string]func(*server.Settings){
		"TLS":      func(s *server.Settings) { s.TLS = nil },
		"Disabled": func(s *server.Settings) { s.Disabled = []string{"USER"} },
		"Driver":   func(s *server.Settings) { s.Driver = driver.User("a", "", driver.Mem()) },
	} {
		field, ok := errors.AsType[*server.FieldError](srv.Update(change))
		require.True(t, ok, name)
		require.Equal(t, []string{name}, field.Fields)
	}
}

// Ticket keys can be set at any time, but not none of them, and not where there are no tickets.
func TestSetTicketKeys(t *testing.T) {
	keys := [][32]byte{{1}, {2}}
	srv := &server.Server{TLS: certificate()}
	defer srv.Close()
	require.NoError(t, srv.SetTicketKeys(keys))
	require.ErrorContains(t, srv.SetTicketKeys(nil), "no ticket keys")
	clear := &server.Server{InsecurePlaintext: true}
	defer clear.Close()
	require.ErrorContains(t, clear.SetTicketKeys(keys), "without TLS")
	require.ErrorContains(t, new(server.Server).SetTicketKeys(keys), "there is no certificate")
}

// The IDs of sessions begin with SessionPrefix, for hooks, drivers and Disconnect alike.
func TestSessionPrefix(t *testing.T) {
	ts := start(t, func(srv *server.Server) { srv.SessionPrefix = "2-" })
	c := ts.login(t)
	all := ts.Sessions()
	require.Len(t, all, 1)
	require.Regexp(t, "^2-[0-9a-z]+$", all[0].ID)
	require.Contains(t, ts.Log.String(), "session="+all[0].ID)
	require.NoError(t, ts.Disconnect(t.Context(), all[0].ID, ""))
	c.expect(421)
}

func TestServeTLSWithoutCertificates(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &server.Server{InsecurePlaintext: true}
	require.ErrorContains(t, srv.ServeTLS(ln), "needs TLS")
	_, err = ln.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

// The log says at start that port 21003 is in use, not when a client needs the
// port.
func TestBusyDataPortAtStart(t *testing.T) {
	busy, err := net.Listen("tcp", testenv.FreeAddr(t))
	require.NoError(t, err)
	defer busy.Close()
	port := netip.MustParseAddrPort(busy.Addr().String()).Port()
	ports, err := passive.Range(fmt.Sprint(port))
	require.NoError(t, err)
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	eventually(t, "the log", func() bool {
		return strings.Contains(ts.Log.String(), fmt.Sprintf("passive port %d on 127.0.0.1", port))
	})
	c := ts.login(t)
	c.cmd(425, "PASV")
	c.cmd(200, "NOOP")
}

// A Server without a driver refuses every login.
func TestNoDriver(t *testing.T) {
	ts := start(t, func(srv *server.Server) { srv.Driver = nil })
	c := ts.dial(t)
	c.authTLS()
	c.cmd(331, "USER %s", testUser)
	c.cmd(530, "PASS %s", testPassword)
	require.Contains(t, ts.Log.String(), "no driver")
}

// A driver that returns neither files nor an error does not crash its session.
func TestDriverWithoutFiles(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		srv.Driver = driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) { return nil, nil })
	})
	c := ts.dial(t)
	c.authTLS()
	c.cmd(331, "USER %s", testUser)
	c.cmd(530, "PASS x")
	c.cmd(530, "LIST")
}
