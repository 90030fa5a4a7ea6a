package server_test

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/memnet"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// A test server has one user, who sees testServer.FS.
const (
	testUser     = "alice"
	testPassword = "correct horse"
)

// patience bounds every wait of a test. It is no measure of anything: a test
// that is in order never comes near it.
const patience = ftpclient.Patience

// testServer is a server on loopback, closed when the test ends.
type testServer struct {
	*server.Server
	Addr         string // explicit TLS
	ImplicitAddr string // empty without certificates
	FS           *driver.MemFS
	Config       *stdtls.Config  // for a client: it trusts the server
	Log          *testenv.Buffer // the log in text, from level debug
	net          *memnet.Net     // of a fakeServer; nil for loopback

	mu        sync.Mutex
	transfers []server.Transfer
	commands  []server.Command
	logins    []server.Login
	ends      []error
}

// wrapFiles has every login see its files as wrapped by wrap.
func wrapFiles(srv *server.Server, wrap func(driver.FS) driver.FS) {
	inner := srv.Driver
	srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		account, err := inner.Login(ctx, l)
		if err != nil {
			return nil, err
		}
		account.FS = wrap(account.FS)
		return account, nil
	})
}

// certificate is shared by all tests: making one costs more than most tests.
var certificate = sync.OnceValue(func() *tls.Config {
	cfg, err := tls.SelfSigned()
	if err != nil {
		panic(err)
	}
	return cfg
})

// start serves one user's files in memory. The options run before the server
// does and may change any field; when they leave Hooks alone, the testServer
// keeps what they report.
func start(t testing.TB, options ...func(*server.Server)) *testServer {
	t.Helper()
	ts := &testServer{FS: driver.Mem(), Log: new(testenv.Buffer)}
	ts.Server = &server.Server{
		Driver: driver.User(testUser, testPassword, ts.FS),
		TLS:    certificate(),
		Logger: slog.New(slog.NewTextHandler(ts.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Hooks:  ts.hooks(),
	}
	for _, option := range options {
		option(ts.Server)
	}
	ts.Addr = ts.listen(t, ts.Serve)
	if ts.TLS != nil {
		ts.ImplicitAddr = ts.listen(t, ts.ServeTLS)
		ts.Config = trust(ts.TLS)
	}
	t.Cleanup(func() {
		ts.Close()
		ts.checkTexts(t)
		if ts.Passive != nil {
			ts.Passive.Close()
		}
		if t.Failed() {
			t.Logf("log of the server:\n%s", ts.Log)
		}
	})
	return ts
}

func (ts *testServer) listen(t testing.TB, serve func(net.Listener) error) string {
	t.Helper()
	return ts.listenOn(t, loopback(t), serve)
}

func loopback(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return ln
}

// listenOn serves on a listener and returns its address.
func (ts *testServer) listenOn(t testing.TB, ln net.Listener, serve func(net.Listener) error) string {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- serve(ln) }()
	t.Cleanup(func() {
		ts.Close()
		require.ErrorIs(t, <-done, server.ErrServerClosed)
	})
	return ln.Addr().String()
}

func (ts *testServer) hooks() *server.Hooks {
	return &server.Hooks{
		Login: func(l server.Login) {
			ts.mu.Lock()
			defer ts.mu.Unlock()
			ts.logins = append(ts.logins, l)
		},
		Command: func(c server.Command) {
			ts.mu.Lock()
			defer ts.mu.Unlock()
			ts.commands = append(ts.commands, c)
		},
		Transfer: func(x server.Transfer) {
			ts.mu.Lock()
			defer ts.mu.Unlock()
			ts.transfers = append(ts.transfers, x)
		},
		Disconnect: func(_ server.SessionInfo, err error) {
			ts.mu.Lock()
			defer ts.mu.Unlock()
			ts.ends = append(ts.ends, err)
		},
	}
}

// checkTexts demands that every text about a failure that hooks were given reads
// well.
func (ts *testServer) checkTexts(t testing.TB) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	causes := slices.Clone(ts.ends)
	for _, x := range ts.transfers {
		causes = append(causes, x.Err)
	}
	for _, err := range causes {
		if err != nil && badText.MatchString(err.Error()) {
			t.Errorf("hooks were told of %q", err)
		}
	}
}

// lastTransfer returns what Hooks.Transfer was told last. It is there as soon as
// the client has read the final reply.
func (ts *testServer) lastTransfer(t testing.TB) server.Transfer {
	t.Helper()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	require.NotEmpty(t, ts.transfers, "no transfer was reported")
	return ts.transfers[len(ts.transfers)-1]
}

// insecure allows everything in clear.
func insecure(srv *server.Server) { srv.InsecurePlaintext = true }

// symlinks switches SITE SYMLINK on.
func symlinks(srv *server.Server) { srv.AllowSymlink = true }

// trust returns a client's configuration for a server with a certificate of its
// own, with a cache of sessions.
func trust(cfg *tls.Config) *stdtls.Config {
	pool := x509.NewCertPool()
	for _, cert := range cfg.Certificates {
		pool.AddCert(cert.Leaf)
	}
	return &stdtls.Config{RootCAs: pool, ServerName: "localhost"}
}

// writeFile puts a file into the server's files, behind the server's back.
func (ts *testServer) writeFile(t testing.TB, name, content string) {
	t.Helper()
	writeFile(t, ts.FS, name, content)
}

// readFile returns the content of one of the server's files.
func (ts *testServer) readFile(t testing.TB, name string) string {
	t.Helper()
	return readFile(t, ts.FS, name)
}

func writeFile(t testing.TB, files driver.FS, name, content string) {
	t.Helper()
	up, err := files.Store(context.Background(), name, driver.StoreOptions{})
	require.NoError(t, err)
	_, err = io.WriteString(up, content)
	require.NoError(t, err)
	require.NoError(t, up.Commit())
	require.NoError(t, up.Close(nil))
}

func readFile(t testing.TB, files driver.FS, name string) string {
	t.Helper()
	f, err := files.Open(context.Background(), name, 0)
	require.NoError(t, err)
	defer f.Close()
	data, err := io.ReadAll(f)
	require.NoError(t, err)
	return string(data)
}

// client is the FTP client of a test. Its methods fail the test, so only the test's
// goroutine may call them. Another goroutine uses the Client in it.
type client struct {
	*ftpclient.Client
	t  testing.TB
	to *testServer // nil if the test dialled by itself
}

type reply = ftpclient.Reply

// newClient wraps a connection and reads nothing. cfg may be nil in clear.
func newClient(t testing.TB, conn net.Conn, cfg *stdtls.Config) *client {
	t.Helper()
	if cfg != nil {
		cfg = cfg.Clone()
		if cfg.ClientSessionCache == nil {
			cfg.ClientSessionCache = stdtls.NewLRUClientSessionCache(0)
		}
	}
	c := &client{Client: ftpclient.New(conn, cfg), t: t}
	t.Cleanup(func() { c.Conn.Close() })
	return c
}

// connect opens a control connection and reads nothing.
func (ts *testServer) connect(t testing.TB) *client {
	t.Helper()
	return ts.clientOf(t, ts.Addr, ts.Config)
}

// clientOf returns a client of an address of the server's that has read nothing.
func (ts *testServer) clientOf(t testing.TB, addr string, cfg *stdtls.Config) *client {
	t.Helper()
	c := newClient(t, ts.dialTCP(t, addr), cfg)
	c.to = ts
	return c
}

// dialTCP dials an address of the server's.
func (ts *testServer) dialTCP(t testing.TB, addr string) net.Conn {
	t.Helper()
	if ts.net == nil {
		return dialTCP(t, addr)
	}
	return ts.tcp(t, memClient, netip.MustParseAddrPort(addr).Port(), buffer)
}

// dial opens a control connection in clear and reads the greeting.
func (ts *testServer) dial(t testing.TB) *client {
	t.Helper()
	c := ts.connect(t)
	c.expect(220)
	return c
}

// dialImplicit opens a control connection by implicit TLS and reads the greeting.
func (ts *testServer) dialImplicit(t testing.TB) *client {
	t.Helper()
	c := ts.clientOf(t, ts.ImplicitAddr, ts.Config)
	c.upgrade()
	c.expect(220)
	c.Private = true
	return c
}

// login returns a client after AUTH TLS, login, PBSZ, PROT P and TYPE I.
func (ts *testServer) login(t testing.TB) *client {
	t.Helper()
	return ts.loginWith(t, ts.Config)
}

// loginWith does what login does, with a TLS configuration of the client's own.
func (ts *testServer) loginWith(t testing.TB, cfg *stdtls.Config) *client {
	t.Helper()
	return ts.loginOf(t, testUser, cfg)
}

// loginOf does what loginWith does, as another user.
func (ts *testServer) loginOf(t testing.TB, user string, cfg *stdtls.Config) *client {
	t.Helper()
	c := ts.clientOf(t, ts.Addr, cfg)
	c.expect(220)
	c.authTLS()
	require.NoError(t, c.Login(user, testPassword))
	return c
}

// loginClear returns a client after login and TYPE I without any TLS.
func (ts *testServer) loginClear(t testing.TB) *client {
	t.Helper()
	c := ts.dial(t)
	c.login()
	c.cmd(200, "TYPE I")
	return c
}

func dialTCP(t testing.TB, addr string) net.Conn {
	t.Helper()
	conn, err := ftpclient.DialTCP(addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// send writes a line and reads nothing.
func (c *client) send(format string, args ...any) {
	c.t.Helper()
	require.NoError(c.t, c.Send(fmt.Sprintf(format, args...)))
}

// write sends bytes as they are.
func (c *client) write(s string) {
	c.t.Helper()
	require.NoError(c.t, c.Write(s))
}

// expect reads a reply that must have one of the codes.
func (c *client) expect(codes ...int) reply {
	c.t.Helper()
	r, err := c.Expect(codes...)
	require.NoError(c.t, err, "waiting for %v", codes)
	return r
}

// cmd sends a command and reads a reply, which must have the given code.
func (c *client) cmd(code int, format string, args ...any) reply {
	c.t.Helper()
	r, err := c.Cmd(code, fmt.Sprintf(format, args...))
	require.NoError(c.t, err)
	return r
}

// end demands that the server closes the control connection, under TLS in order.
func (c *client) end() {
	c.t.Helper()
	line, err := c.ReadLine()
	require.ErrorIs(c.t, err, io.EOF, "got %q", line)
	require.False(c.t, ftpclient.Truncated(c.Conn), "the control connection ended without close_notify")
}

// authTLS sends AUTH TLS and does the handshake.
func (c *client) authTLS() {
	c.t.Helper()
	require.NoError(c.t, c.AuthTLS())
}

// upgrade does the TLS handshake on the control connection.
func (c *client) upgrade() {
	c.t.Helper()
	require.NoError(c.t, c.StartTLS())
}

// untls ends TLS on the control connection and sends text in clear in the same
// packet as close_notify.
func (c *client) untls(text string) {
	c.t.Helper()
	require.NoError(c.t, c.StopTLS(text))
}

// state describes the control connection's TLS.
func (c *client) state() stdtls.ConnectionState { return c.Conn.(*stdtls.Conn).ConnectionState() }

func (c *client) login() {
	c.t.Helper()
	c.cmd(331, "USER %s", testUser)
	c.cmd(230, "PASS %s", testPassword)
}

// protect sends PBSZ and PROT P.
func (c *client) protect() {
	c.t.Helper()
	c.cmd(200, "PBSZ 0")
	c.cmd(200, "PROT P")
	c.Private = true
}

// pasv sends PASV and returns the address to dial.
func (c *client) pasv() string {
	c.t.Helper()
	at, err := c.PASV()
	require.NoError(c.t, err)
	return at
}

// epsv sends EPSV and returns the address to dial.
func (c *client) epsv() string {
	c.t.Helper()
	at, err := c.EPSV()
	require.NoError(c.t, err)
	return at
}

// tcp returns the TCP connection of the control connection, below TLS.
func (c *client) tcp() *ftpclient.TCPConn {
	return c.Conn.(*stdtls.Conn).NetConn().(*ftpclient.TCPConn)
}

// dataTCP dials a data port and speaks no TLS on it.
func (c *client) dataTCP(addr string) net.Conn {
	c.t.Helper()
	if c.to != nil {
		return c.to.dialTCP(c.t, addr)
	}
	return dialTCP(c.t, addr)
}

// dataTLS does the handshake on a data connection as clients do: it resumes the
// session of its control connection if the cache holds one.
func (c *client) dataTLS(conn net.Conn) *stdtls.Conn {
	c.t.Helper()
	sec, err := c.DataTLS(conn)
	require.NoError(c.t, err, "handshake on the data connection")
	return sec
}

// open sends PASV, dials, sends a command, expects 150 and protects the data
// connection if PROT P is in force.
func (c *client) open(format string, args ...any) net.Conn {
	c.t.Helper()
	conn := c.dataTCP(c.pasv())
	c.cmd(150, format, args...)
	if c.Private {
		return c.dataTLS(conn)
	}
	return conn
}

// get runs a download or a listing to its end.
func (c *client) get(format string, args ...any) string {
	c.t.Helper()
	conn := c.open(format, args...)
	data := readAll(c.t, conn)
	conn.Close()
	c.expect(226)
	return data
}

// put runs an upload to its end.
func (c *client) put(data, format string, args ...any) {
	c.t.Helper()
	conn := c.open(format, args...)
	_, err := io.WriteString(conn, data)
	require.NoError(c.t, err)
	require.NoError(c.t, conn.Close())
	c.expect(226)
}

// readAll reads to an end in order: under TLS no end but close_notify is in order.
func readAll(t testing.TB, conn net.Conn) string {
	t.Helper()
	data, err := ftpclient.ReadAll(conn)
	require.NoError(t, err)
	return data
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		require.True(t, time.Now().Before(end), "waited in vain: %s", what)
		time.Sleep(time.Millisecond)
	}
}
