package ftpstest_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

func TestFilesGoBothWays(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		srv := ftpstest.Start(t)
		srv.WriteFile("/in/deep/orders.csv", "1;2;3\n")
		addr := srv.Addr
		if implicit {
			addr = srv.ImplicitAddr
		}
		c, err := ftpclient.Dial(addr, implicit, srv.ClientTLS(), srv.User, srv.Password)
		require.NoError(t, err)
		defer c.Close()
		got, err := c.Get("RETR /in/deep/orders.csv")
		require.NoError(t, err)
		require.Equal(t, "1;2;3\n", got)
		require.NoError(t, c.Put("STOR answer.txt", "thanks"))
		require.Equal(t, "thanks", srv.ReadFile("answer.txt"))

		done := srv.Transfers()
		require.Len(t, done, 2)
		require.Equal(t, "RETR", done[0].Verb)
		require.Equal(t, "/answer.txt", done[1].Path)
		require.EqualValues(t, 6, done[1].Bytes)
	}
}

func TestClientTLSResumes(t *testing.T) {
	srv := ftpstest.Config{Configure: func(s *server.Server) { s.SessionReuse = tls.Require }}.Start(t)
	srv.WriteFile("a", "1")
	client := login(t, srv)
	for range 3 {
		_, err := client.Get("RETR a")
		require.NoError(t, err)
	}
}

func TestServersAreStrangers(t *testing.T) {
	one, other := ftpstest.Start(t), ftpstest.Start(t)
	one.WriteFile("a", "1")
	require.Empty(t, other.List(), "two servers share files")
	_, err := ftpclient.Dial(one.Addr, false, other.ClientTLS(), one.User, one.Password)
	require.Error(t, err, "one server's certificate is trusted for the other")
}

func TestUsers(t *testing.T) {
	files := driver.Mem()
	srv := ftpstest.Config{User: "alice", Password: "p w", Users: map[string]string{"bob": "b"}, FS: files}.Start(t)
	require.Equal(t, "ftp://alice:p%20w@"+srv.Addr+"/", srv.URL())
	srv.WriteFile("x", "y")
	_, err := files.Stat(t.Context(), "x")
	require.NoError(t, err, "FS is not the one given")
	for user, password := range map[string]string{"alice": "p w", "bob": "b"} {
		c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), user, password)
		require.NoError(t, err)
		_, err = c.Get("RETR x")
		require.NoError(t, err)
		c.Close()
	}
	for user, password := range map[string]string{"alice": "b", "carol": "b"} {
		_, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), user, password)
		require.ErrorContains(t, err, "530")
	}
}

func TestOwnDriver(t *testing.T) {
	mine := driver.Mem()
	srv := ftpstest.Config{Driver: driver.Func(func(_ context.Context, l *driver.Login) (*driver.Account, error) {
		if l.User != "eve" {
			return nil, driver.ErrLogin
		}
		return &driver.Account{FS: mine}, nil
	}), User: "eve", Password: "any"}.Start(t)
	c := login(t, srv)
	require.NoError(t, c.Put("STOR a", "1"))
	require.Equal(t, "1", srv.WaitFile(t.Context(), "a"), "it was stored in the driver's files")
	_, err := mine.Stat(t.Context(), "a")
	require.NoError(t, err)
}

func TestIPv6(t *testing.T) {
	if ln, err := net.Listen("tcp", "[::1]:0"); err != nil {
		testenv.Missing(t, "no IPv6: %v", err)
	} else {
		ln.Close()
	}
	srv := ftpstest.Config{Addr: "[::1]:0", DataPorts: 1}.Start(t)
	config := srv.ClientTLS()
	c, err := ftpclient.Dial(srv.Addr, false, config, srv.User, srv.Password)
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Put("STOR a", "1"))
	require.True(t, strings.HasPrefix(srv.ImplicitAddr, "[::1]:"))
}

func TestHosts(t *testing.T) {
	srv := ftpstest.Config{Hosts: []string{"ftp.example"}}.Start(t)
	for _, name := range []string{"ftp.example", "localhost", "::1"} {
		config := srv.ClientTLS()
		config.ServerName = name
		c, err := ftpclient.Dial(srv.Addr, false, config, srv.User, srv.Password)
		require.NoError(t, err)
		c.Close()
	}
}

func TestDataPorts(t *testing.T) {
	srv := ftpstest.Config{DataPorts: 1, Configure: func(s *server.Server) {
		s.Passive.Idle = -1 // closed at once, and opened again for the next
	}}.Start(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 5 {
		c := login(t, srv)
		wg.Go(func() {
			for range 5 {
				if err := c.Put("STOR a", "1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, srv.Transfers(), 25)
	require.Equal(t, 1, srv.Server.Passive.Len())
}

func TestHooksOfConfigure(t *testing.T) {
	var logins, transfers, commands int
	srv := ftpstest.Config{Configure: func(s *server.Server) {
		s.Hooks = &server.Hooks{
			Login:    func(server.Login) { logins++ },
			Transfer: func(server.Transfer) { transfers++ },
		}
		s.Intercept = &server.Intercept{Command: func(_ context.Context, _ server.Command, run func() server.Reply) server.Reply {
			commands++
			return run()
		}}
	}}.Start(t)
	c := login(t, srv)
	require.NoError(t, c.Put("STOR a", "1"))
	require.Equal(t, 1, logins)
	require.Equal(t, 1, transfers)
	require.Len(t, srv.Transfers(), 1)
	require.Greater(t, commands, 5)
}

func TestEndsWithTheTest(t *testing.T) {
	var srv *ftpstest.Server
	t.Run("inner", func(t *testing.T) {
		srv = ftpstest.Start(t)
		require.FileExists(t, srv.CAFile)
	})
	_, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.Error(t, err, "the server outlived its test")
	require.NoFileExists(t, srv.CAFile)
}

func TestErrorInTheLogFailsTheTest(t *testing.T) {
	bad := driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) {
		return &driver.Account{FS: broken{driver.Mem()}}, nil
	})
	use := func(t testing.TB, c ftpstest.Config) {
		c.Driver = bad
		srv := c.Start(t)
		client, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		client.Cmd(451, "MKD a")
	}
	said := failing(t, func(t testing.TB) { use(t, ftpstest.Config{}) })
	require.Contains(t, said, "the server logged an error")
	require.Contains(t, said, "the disk burns")
	require.Contains(t, said, "C: MKD a")
	require.Empty(t, failing(t, func(t testing.TB) {
		use(t, ftpstest.Config{AllowErrors: []string{"the disk burns"}})
	}))
}

type broken struct{ driver.FS }

func (broken) Mkdir(context.Context, string) error { return errors.New("the disk burns") }

func TestBadConfig(t *testing.T) {
	for want, c := range map[string]ftpstest.Config{
		"unknown fault":           {Faults: []ftpstest.Fault{{Kind: "x"}}},
		"Addr":                    {Addr: "host"},
		"DataPorts is -1":         {DataPorts: -1},
		"one address":             {DataPorts: 1, Addr: ":0"},
		"both":                    {Driver: driver.Func(nil), Users: map[string]string{"a": "b"}},
		"without FS":              {Driver: driver.Func(nil), Seed: os.DirFS(".")},
		"user: name":              {Users: map[string]string{"": "b"}},
		"user: password":          {Users: map[string]string{"a": ""}},
		"there is no certificate": {Configure: func(s *server.Server) { s.TLS = nil }},
		"missing port":            {Addr: "127.0.0.1"},
		"listen tcp":              {Addr: "192.0.2.1:0"},
	} {
		_, err := ftpstest.New(c)
		require.ErrorContains(t, err, want)
		require.Contains(t, failing(t, func(t testing.TB) { c.Start(t) }), want)
	}
}

func TestNewWithoutTest(t *testing.T) {
	var trace bytes.Buffer
	srv, err := ftpstest.New(ftpstest.Config{Trace: &trace})
	require.NoError(t, err)
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.NoError(t, err)
	require.NoError(t, c.Put("STOR a", "1"))
	require.NoError(t, c.Close())
	srv.WantFile("a", "1")
	require.Panics(t, func() { srv.WantFile("a", "2") })
	require.Panics(t, func() { srv.ReadFile("b") })
	require.Panics(t, func() { srv.Inject(ftpstest.Fault{}) })
	require.NoError(t, srv.Close())
	require.NoError(t, srv.Close())
	require.Equal(t, srv.Transcript(), trace.String())
	require.NoFileExists(t, srv.CAFile)
}

// Hundreds of servers get on side by side, whether the tests are of one package
// or of many.
func TestManyAtOnce(t *testing.T) {
	for range 200 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			srv := ftpstest.Config{DataPorts: 1}.Start(t)
			srv.WriteFile("a", "1")
			got, err := login(t, srv).Get("RETR a")
			require.NoError(t, err)
			require.Equal(t, "1", got)
		})
	}
}

// Other languages get what they need from CAFile and URL.
func TestCurl(t *testing.T) {
	curl := testenv.NeedBinary(t, "curl")
	srv := ftpstest.Start(t)
	srv.WriteFile("a.txt", "hello")
	for _, url := range []string{srv.URL(), srv.ImplicitURL()} {
		out, err := exec.CommandContext(t.Context(), curl, "-sS", "--ssl-reqd", "--cacert", srv.CAFile, url+"a.txt").CombinedOutput()
		require.NoError(t, err, "%s: %s", url, out)
		require.Equal(t, "hello", strings.TrimSpace(string(out)))
	}
}

func BenchmarkStart(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		srv, err := ftpstest.New(ftpstest.Config{})
		if err != nil {
			b.Fatal(err)
		}
		srv.Close()
	}
}
