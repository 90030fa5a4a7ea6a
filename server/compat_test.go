package server_test

import (
	"context"
	stdtls "crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// Behaviours that real clients depend on and that take more than a transcript.
// testdata/README.md says where each one is tested.

// versions runs a test for both versions of TLS.
func versions(t *testing.T, test func(t *testing.T, cfg func(*testServer) *stdtls.Config)) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			test(t, func(ts *testServer) *stdtls.Config {
				cfg := ts.Config.Clone()
				cfg.MinVersion, cfg.MaxVersion = version, version
				return cfg
			})
		})
	}
}

// COMPATIBILITY, row 2: nothing comes between 234 and the handshake, not even when the client
// takes its time and sends more in clear, which the server discards.
func TestNothingBetweenAuthAndHandshake(t *testing.T) {
	t.Parallel()
	ts := start(t)
	c := ts.dial(t)
	c.write("AUTH TLS\r\nNOOP\r\nUSER alice\r\n")
	c.expect(234)
	c.upgrade() // a reply in clear would break the handshake
	c.cmd(503, "PASS %s", testPassword)
	c.login()
}

// COMPATIBILITY, row 11: 227 has the address that the client dialled.
func TestAnnouncesDialledAddress(t *testing.T) {
	t.Parallel()
	ts := start(t, insecure)
	ln, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	go ts.Serve(ln)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, err)
	ts.writeFile(t, "a.txt", "hello")
	for _, addr := range []string{"127.0.0.1", "127.0.0.2"} {
		conn, err := net.Dial("tcp4", net.JoinHostPort(addr, port))
		if err != nil {
			t.Skipf("no %s on this system: %v", addr, err)
		}
		c := newClient(t, conn, nil)
		c.expect(220)
		c.login()
		at, err := wire.ParsePasvReply(c.cmd(227, "PASV").String())
		require.NoError(t, err)
		assert.Equal(t, addr, at.Addr().String())
		data := c.dataTCP(at.String())
		c.cmd(150, "RETR a.txt")
		assert.Equal(t, "hello", readAll(t, data))
		c.expect(226)
	}
}

// COMPATIBILITY, row 11: Passive.Announce tells another address and port.
func TestAnnouncesWhatItIsTold(t *testing.T) {
	t.Parallel()
	ports := onePort(t)
	ports.Announce = passive.Address("203.0.113.7")
	ports.Offset = 3
	if number(ports) > 65000 {
		ports.Offset = -3
	}
	outer := int(number(ports)) + ports.Offset
	ts := start(t, insecure, func(srv *server.Server) { srv.Passive = ports })
	c := ts.loginClear(t)
	assert.Contains(t, c.cmd(227, "PASV").String(), fmt.Sprintf("(203,0,113,7,%d,%d)", outer>>8, outer&0xff))
	assert.Contains(t, c.cmd(229, "EPSV").String(), fmt.Sprintf("(|||%d|)", outer))
}

// RFC 2428: over IPv6 there is EPSV and EPRT only.
func TestIPv6(t *testing.T) {
	t.Parallel()
	ts := start(t, func(srv *server.Server) { srv.Active = &server.Active{} })
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6: %v", err)
	}
	go ts.Serve(ln)
	ts.writeFile(t, "a.txt", "hello")
	c := newClient(t, dialTCP(t, ln.Addr().String()), ts.Config)
	c.expect(220)
	c.authTLS()
	c.login()
	c.protect()
	assert.Contains(t, c.cmd(425, "PASV").String(), "EPSV")
	assert.Contains(t, c.cmd(522, "EPSV 1").String(), "(2)")
	c.cmd(229, "EPSV 2")
	conn := c.dataTCP(c.epsv())
	c.cmd(150, "RETR a.txt")
	assert.Equal(t, "hello", readAll(t, c.dataTLS(conn)))
	c.expect(226)
	c.cmd(504, "EPRT |1|127.0.0.1|5000|")
	active, err := net.Listen("tcp6", "[::1]:0")
	require.NoError(t, err)
	defer active.Close()
	c.cmd(200, "EPRT %s", eprt(active.Addr().(*net.TCPAddr).AddrPort()))
	c.cmd(150, "RETR a.txt")
	conn, err = active.Accept()
	require.NoError(t, err)
	assert.Equal(t, "hello", readAll(t, c.dataTLS(conn)))
	c.expect(226)
}

// COMPATIBILITY, rows 13 and 15: a client may connect before the command, between the command
// and 150, or after 150, and send the ClientHello at once or only after 150.
func TestOrdersOfConnecting(t *testing.T) {
	t.Parallel()
	// commands are the ways to use a data connection.
	commands := map[string]func(t *testing.T, conn net.Conn){
		"RETR a.txt": func(t *testing.T, conn net.Conn) { assert.Equal(t, "hello", readAll(t, conn)) },
		"LIST":       func(t *testing.T, conn net.Conn) { assert.Contains(t, readAll(t, conn), "a.txt") },
		"STOR b.txt": func(t *testing.T, conn net.Conn) {
			_, err := io.WriteString(conn, "world")
			require.NoError(t, err)
			require.NoError(t, conn.Close())
		},
	}
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		ts.writeFile(t, "a.txt", "hello")
		c := ts.loginWith(t, cfg(ts))
		for command, use := range commands {
			// Connection and ClientHello before the command: curl, basic-ftp.
			early := stdtls.Client(c.dataTCP(c.pasv()), c.TLS)
			hello := make(chan error, 1)
			go func() { hello <- early.Handshake() }()
			c.cmd(150, "%s", command)
			require.NoError(t, <-hello)
			use(t, early)
			c.expect(226)

			// Connection before the command, ClientHello after 150: lftp, Python.
			conn := c.dataTCP(c.pasv())
			c.cmd(150, "%s", command)
			use(t, c.dataTLS(conn))
			c.expect(226)

			// The command first, then connection and ClientHello: FileZilla, WinSCP.
			addr := c.pasv()
			c.send("%s", command)
			early = stdtls.Client(c.dataTCP(addr), c.TLS)
			go func() { hello <- early.Handshake() }()
			c.expect(150)
			require.NoError(t, <-hello)
			use(t, early)
			c.expect(226)

			// Everything after 150.
			addr = c.epsv()
			c.cmd(150, "%s", command)
			use(t, c.dataTLS(c.dataTCP(addr)))
			c.expect(226)
		}
	})
}

// firstTicket is a cache that gives the first ticket for ever, as clients do that keep the
// session of the control connection.
type firstTicket struct{ stdtls.ClientSessionCache }

func (c firstTicket) Put(key string, cs *stdtls.ClientSessionState) {
	if _, found := c.Get(key); !found && cs != nil {
		c.ClientSessionCache.Put(key, cs)
	}
}

// singleUse is a cache that gives a ticket once, as OpenSSL does with TLS 1.3.
type singleUse struct{ stdtls.ClientSessionCache }

func (c singleUse) Get(key string) (*stdtls.ClientSessionState, bool) {
	cs, found := c.ClientSessionCache.Get(key)
	c.ClientSessionCache.Put(key, nil)
	return cs, found
}

// COMPATIBILITY, rows 16 and 17: the control connection brings a ticket. The very first data
// connection resumes with it, and so does every other, as often as the client likes.
func TestOneTicketManyTimes(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t, func(srv *server.Server) { srv.SessionReuse = tls.Require })
		ts.writeFile(t, "a.txt", "hello")
		client := cfg(ts)
		client.ClientSessionCache = firstTicket{stdtls.NewLRUClientSessionCache(1)}
		c := ts.loginWith(t, client)
		for range 5 {
			assert.Equal(t, "hello", c.get("RETR a.txt"))
			assert.True(t, ts.lastTransfer(t).Resumed)
			c.put("world", "STOR b.txt")
			assert.True(t, ts.lastTransfer(t).Resumed)
			assert.Contains(t, c.get("MLSD"), "b.txt")
			assert.True(t, ts.lastTransfer(t).Resumed)
		}
	})
}

// COMPATIBILITY, row 18: each data connection gives the ticket for the next one, uploads
// included when the client reads to their end.
func TestEveryTicketOnce(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t, func(srv *server.Server) { srv.SessionReuse = tls.Require })
		ts.writeFile(t, "a.txt", "hello")
		client := cfg(ts)
		client.ClientSessionCache = singleUse{stdtls.NewLRUClientSessionCache(1)}
		c := ts.loginWith(t, client)
		for range 5 {
			assert.Equal(t, "hello", c.get("RETR a.txt"))
			assert.Contains(t, c.get("LIST"), "a.txt")
			conn := c.open("STOR b.txt").(*stdtls.Conn)
			_, err := io.WriteString(conn, "world")
			require.NoError(t, err)
			require.NoError(t, conn.CloseWrite())
			assert.Empty(t, readAll(t, conn))
			c.expect(226)
		}
	})
}

// never makes the configuration of a client that does not resume, such as Python's ftplib.
func never(cfg *stdtls.Config) *stdtls.Config {
	cfg = cfg.Clone()
	cfg.SessionTicketsDisabled = true
	return cfg
}

// COMPATIBILITY, row 19: a client that never resumes is served under Prefer.
func TestNeverResumesUnderPrefer(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		c := ts.loginWith(t, never(cfg(ts)))
		for range 3 {
			c.put("hello", "STOR a.txt")
			assert.Equal(t, "hello", c.get("RETR a.txt"))
			assert.False(t, ts.lastTransfer(t).Resumed)
		}
	})
}

// COMPATIBILITY, row 20: under Require a client that never resumes gets 522, nothing is
// stored, and the session goes on.
func TestNeverResumesUnderRequire(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		fake(t, func(t *testing.T, ts *fakeServer) {
			ts.writeFile(t, "a.txt", "hello")
			c := ts.loginWith(t, never(cfg(ts.testServer)))
			for _, command := range []string{"RETR a.txt", "STOR b.txt", "LIST"} {
				conn := c.open2("%s", command)
				assert.ErrorContains(t, stdtls.Client(conn, c.TLS).Handshake(), "access denied", command)
				c.expect(522)
			}
			_, err := ts.FS.Stat(context.Background(), "b.txt")
			assert.ErrorIs(t, err, os.ErrNotExist)
			c.cmd(257, "PWD")
		}, func(srv *server.Server) { srv.SessionReuse = tls.Require })
	})
}

// COMPATIBILITY, row 21: an uploader that closes abruptly after its last write, without
// close_notify and without having read anything, loses no byte.
func TestAbruptUploads(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		for name, client := range map[string]*stdtls.Config{"resumed": cfg(ts), "never": never(cfg(ts))} {
			c := ts.loginWith(t, client)
			for _, size := range []int{0, 1, 1000, 1000, 1000, 16 << 10, 100_001, 3 << 20} {
				content := strings.Repeat("x", size)
				conn := c.open("STOR a.bin").(*stdtls.Conn)
				_, err := io.WriteString(conn, content)
				require.NoError(t, err)
				require.NoError(t, conn.NetConn().Close())
				c.expect(226)
				require.Equal(t, size, len(ts.readFile(t, "a.bin")), name)
				assert.True(t, ts.lastTransfer(t).Truncated)
			}
		}
	})
}

// COMPATIBILITY, row 22: close_notify comes after a download, and after an upload without
// waiting for anything else that the client may do. COMPATIBILITY, row 26: on the connection
// of an upload the server sends nothing but close_notify.
func TestCloseNotify(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		ts.writeFile(t, "a.txt", "hello")
		c := ts.loginWith(t, cfg(ts))
		assert.Equal(t, "hello", c.get("RETR a.txt")) // get accepts no other end
		conn := c.open("STOR b.txt").(*stdtls.Conn)
		_, err := io.WriteString(conn, "world")
		require.NoError(t, err)
		require.NoError(t, conn.CloseWrite())
		assert.Empty(t, readAll(t, conn)) // nor does readAll, before the client reads its 226
		c.expect(226)
		assert.False(t, ts.lastTransfer(t).Truncated)
	})
}

// COMPATIBILITY, row 23: an upload that ends without close_notify is kept and reported, or
// refused, as the policy says.
func TestMissingCloseNotify(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
			ts := start(t, func(srv *server.Server) { srv.RequireCloseNotify = strict })
			ts.writeFile(t, "a.txt", "old")
			c := ts.loginWith(t, cfg(ts))
			conn := c.open("STOR a.txt").(*stdtls.Conn)
			_, err := io.WriteString(conn, "new")
			require.NoError(t, err)
			require.NoError(t, conn.NetConn().(*ftpclient.TCPConn).CloseWrite())
			if strict {
				c.expect(426)
				assert.Equal(t, "old", ts.readFile(t, "a.txt"))
				assert.Error(t, ts.lastTransfer(t).Err)
			} else {
				c.expect(226)
				assert.Equal(t, "new", ts.readFile(t, "a.txt"))
			}
			assert.True(t, ts.lastTransfer(t).Truncated)
			// With close_notify both policies are content.
			c.put("newer", "STOR a.txt")
			assert.Equal(t, "newer", ts.readFile(t, "a.txt"))
		})
	}
}

// closing tells when the files of a driver are closed.
type closing struct {
	driver.FS
	open atomic.Int32
}

type closer struct {
	io.ReadCloser
	fs *closing
}

type uploadCloser struct {
	driver.Upload
	fs *closing
}

func (f *closing) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	r, err := f.FS.Open(ctx, name, offset)
	if err == nil {
		f.open.Add(1)
		r = closer{r, f}
	}
	return r, err
}

func (c closer) Close() error {
	defer c.fs.open.Add(-1)
	return c.ReadCloser.Close()
}

func (f *closing) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := f.FS.Store(ctx, name, opts)
	if err == nil {
		f.open.Add(1)
		up = uploadCloser{up, f}
	}
	return up, err
}

func (c uploadCloser) Close(cause error) error {
	defer c.fs.open.Add(-1)
	return c.Upload.Close(cause)
}

// COMPATIBILITY, row 25: a single final reply, whatever the code, comes when the file is
// closed.
func TestFinalReplyAfterClose(t *testing.T) {
	t.Parallel()
	files := &closing{FS: driver.Mem()}
	ts := start(t, func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, files) })
	c := ts.login(t)
	for range 20 {
		c.put("hello", "STOR a.txt")
		require.Zero(t, files.open.Load(), "226 for STOR")
		c.get("RETR a.txt")
		require.Zero(t, files.open.Load(), "226 for RETR")
		conn := c.open("STOR a.txt")
		c.send("ABOR")
		c.expect(426)
		require.Zero(t, files.open.Load(), "426")
		conn.Close()
		c.expect(226)
		c.cmd(257, "PWD") // exactly one final reply
	}
}

// COMPATIBILITY, row 27: no client certificate is asked for.
func TestAsksForNoCertificate(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		client := never(cfg(ts))
		client.GetClientCertificate = func(*stdtls.CertificateRequestInfo) (*stdtls.Certificate, error) {
			return nil, errors.New("a certificate was asked for")
		}
		c := ts.loginWith(t, client)
		c.put("hello", "STOR a.txt")
	})
}

// COMPATIBILITY, row 30: offsets and sizes may exceed 32 bits.
func TestBeyond32Bits(t *testing.T) {
	t.Parallel()
	const size int64 = 5 << 30
	root := t.TempDir()
	f, err := os.Create(filepath.Join(root, "big"))
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("end"), size-3)
	require.NoError(t, errors.Join(err, f.Close()))
	files, err := driver.OpenDir(root)
	require.NoError(t, err)
	defer files.Close()
	ts := start(t, insecure, func(srv *server.Server) { srv.Driver = driver.User(testUser, testPassword, files) })
	c := ts.login(t)
	assert.Equal(t, "213 5368709120", c.cmd(213, "SIZE big").String())
	assert.Contains(t, c.get("LIST"), " 5368709120 ")
	assert.Contains(t, c.get("MLSD"), "size=5368709120;")
	c.cmd(350, "REST %d", size-3)
	assert.Equal(t, "end", c.get("RETR big"))
	c.cmd(200, "PROT C")
	c.Private = false
	c.cmd(350, "REST %d", size-3)
	assert.Equal(t, "end", c.get("RETR big"))
	c.cmd(200, "ALLO %d", size)
}

// COMPATIBILITY, row 36: no line of a reply is longer than Python's ftplib reads. Every read
// of these tests checks that; this one provokes the longest lines.
func TestLongReplies(t *testing.T) {
	t.Parallel()
	ts := start(t)
	c := ts.login(t)
	c.cmd(257, "MKD %s", strings.Repeat(`"`, 4000))
	c.cmd(250, "CWD %s", strings.Repeat(`"`, 4000))
	c.cmd(257, "PWD")
	c.cmd(250, "MLST")
}

// COMPATIBILITY, row 38: implicit TLS works in both versions of TLS.
func TestImplicit(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		ts.Config = cfg(ts)
		c := ts.dialImplicit(t)
		c.login()
		c.put("hello", "STOR a.txt")
		assert.Equal(t, "hello", c.get("RETR a.txt"))
		assert.True(t, ts.lastTransfer(t).Resumed)
		c.cmd(221, "QUIT")
		c.end()
	})
}

// COMPATIBILITY, row 39: a client may send no SNI at all.
func TestNoSNI(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		client := cfg(ts)
		client.ServerName = "127.0.0.1" // crypto/tls never sends an address
		c := ts.loginWith(t, client)
		assert.Empty(t, c.get("NLST"))
	})
}

// addressSNI puts an address into the SNI of the ClientHello, which crypto/tls never does.
type addressSNI struct{ net.Conn }

const nameForAddress = "127a0b0c1"

func (c addressSNI) Write(p []byte) (int, error) {
	return c.Conn.Write([]byte(strings.Replace(string(p), nameForAddress, "127.0.0.1", 1)))
}

// COMPATIBILITY, row 39: a client may send an address in SNI, as lftp does.
func TestAddressInSNI(t *testing.T) {
	t.Parallel()
	ts := start(t)
	raw := dialTCP(t, ts.ImplicitAddr)
	conn := stdtls.Client(addressSNI{raw}, &stdtls.Config{InsecureSkipVerify: true, ServerName: nameForAddress, MaxVersion: tls.VersionTLS12})
	// The client hashed the ClientHello without the address, so the handshake can't succeed.
	// But the server goes on to the last step, where the hash counts: it takes the client's
	// key and complains of nothing before.
	err := conn.Handshake()
	require.ErrorContains(t, err, "bad record MAC")
	require.NotContains(t, err.Error(), "unrecognized name")
}

// COMPATIBILITY, row 39: "ftp" is the protocol, x-filezilla-ftp is never selected, and a client
// that means another protocol is refused (ALPACA).
func TestALPN(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		for want, offers := range map[string][][]string{
			"":        {nil},
			"ftp":     {{"ftp"}, {"x-filezilla-ftp", "ftp"}, {"ftp", "x-filezilla-ftp"}, {"h2", "ftp"}},
			"refused": {{"x-filezilla-ftp"}, {"http/1.1"}, {"h2", "http/1.1"}, {"smtp"}},
		} {
			for _, offer := range offers {
				client := cfg(ts)
				client.NextProtos = offer
				conn := stdtls.Client(dialTCP(t, ts.ImplicitAddr), client)
				err := conn.Handshake()
				if want == "refused" {
					assert.Error(t, err, "%v", offer)
					continue
				}
				require.NoError(t, err, "%v", offer)
				assert.Equal(t, want, conn.ConnectionState().NegotiatedProtocol, "%v", offer)
			}
		}
	})
}

// COMPATIBILITY, row 39: FileZilla offers both protocols on its data connections as well.
func TestALPNOnData(t *testing.T) {
	t.Parallel()
	ts := start(t)
	client := ts.Config.Clone()
	client.NextProtos = []string{"x-filezilla-ftp", "ftp"}
	c := ts.loginWith(t, client)
	assert.Equal(t, "ftp", c.state().NegotiatedProtocol)
	conn := c.open("NLST").(*stdtls.Conn)
	assert.NotEqual(t, "x-filezilla-ftp", conn.ConnectionState().NegotiatedProtocol)
	assert.Empty(t, readAll(t, conn))
	c.expect(226)
	assert.True(t, ts.lastTransfer(t).Resumed)
}

// COMPATIBILITY, row 40: QUIT and timeouts end the control connection with close_notify, which
// client.end demands.
func TestCloseNotifyOnControl(t *testing.T) {
	t.Parallel()
	versions(t, func(t *testing.T, cfg func(*testServer) *stdtls.Config) {
		ts := start(t)
		c := ts.loginWith(t, cfg(ts))
		c.cmd(221, "QUIT")
		c.end()

		ts = start(t, func(srv *server.Server) { srv.IdleTimeout = 1 })
		ts.Config = cfg(ts)
		c = ts.dialImplicit(t)
		c.expect(421)
		c.end()
	})
}

// COMPATIBILITY, row 35: hooks hear of commands that are answered during a transfer like of
// any other.
func TestReportsCommandsDuringTransfer(t *testing.T) {
	t.Parallel()
	ts := start(t)
	c := ts.login(t)
	conn := c.open("STOR a.txt")
	c.cmd(200, "NOOP")
	c.cmd(211, "STAT")
	c.send("ABOR")
	c.expect(426)
	c.expect(226)
	conn.Close()
	c.cmd(221, "QUIT")
	c.end()
	ts.mu.Lock()
	defer ts.mu.Unlock()
	var lines []string
	for _, cmd := range ts.commands {
		lines = append(lines, fmt.Sprint(cmd.Code, " ", cmd.Line))
	}
	got := strings.Join(lines, "\n")
	assert.Contains(t, got, "230 PASS ****")
	assert.Contains(t, got, "200 NOOP\n211 STAT\n426 STOR a.txt\n226 ABOR\n221 QUIT")
}

// number returns the first port of a set.
func number(ports *passive.Ports) uint16 {
	for n := range ports.Numbers() {
		return n
	}
	return 0
}

// COMPATIBILITY, row 42: the port of a PASV that was abandoned is free for the next PASV,
// however the client abandoned the first.
func TestAbandonedPASV(t *testing.T) {
	t.Parallel()
	ports := onePort(t)
	ports.Wait = -1 // an occupied port is an error at once
	ts := start(t, insecure, func(srv *server.Server) { srv.Passive = ports })
	other := ts.loginClear(t)
	abandon := map[string]func(c *client){
		"PASV": func(c *client) { c.cmd(227, "PASV"); c.cmd(226, "ABOR") },
		"EPSV": func(c *client) { c.cmd(229, "EPSV"); c.cmd(226, "ABOR") },
		"ABOR": func(c *client) { c.cmd(226, "ABOR") },
		"USER": func(c *client) { c.cmd(331, "USER %s", testUser) },
		"REIN": func(c *client) { c.cmd(220, "REIN") },
		"AUTH": func(c *client) { c.authTLS(); c.cmd(530, "PWD") },
		"QUIT": func(c *client) { c.cmd(221, "QUIT"); c.end() },
		"ABOR of a transfer": func(c *client) {
			c.cmd(150, "NLST")
			c.send("ABOR")
			c.expect(426)
			c.expect(226)
		},
		"transfer": func(c *client) { assert.Empty(t, c.get("NLST")) },
	}
	for how, f := range abandon {
		t.Log(how)
		c := ts.loginClear(t)
		c.cmd(227, "PASV")
		other.cmd(425, "PASV") // the only port is leased to this client address
		f(c)
		other.cmd(227, "PASV")
		other.cmd(226, "ABOR")
	}

	c := ts.loginClear(t)
	c.cmd(227, "PASV")
	c.Conn.Close()
	eventually(t, "the port of a client that has gone", func() bool {
		other.send("PASV")
		return other.expect(227, 425).Code == 227
	})
}

// COMPATIBILITY, row 43: a thousand transfers in a row through one port, with the port open
// all the time and opened afresh for each.
func TestThousandTransfersOnePort(t *testing.T) {
	t.Parallel()
	for _, reopen := range []bool{false, true} {
		t.Run(fmt.Sprintf("reopen=%v", reopen), func(t *testing.T) {
			t.Parallel()
			ports, rounds := onePort(t), 500 // with two transfers each
			if reopen {
				ports.Idle, rounds = -1, 100
			}
			if testing.Short() {
				rounds = 25
			}
			ts := start(t, insecure, func(srv *server.Server) { srv.Passive = ports })
			c := ts.loginClear(t)
			for i := range rounds {
				want := fmt.Sprint(i)
				c.put(want, "STOR a.txt")
				require.Equal(t, want, c.get("RETR a.txt"))
			}
		})
	}
}

// COMPATIBILITY, row 44: sessions of one address share one port without tickets, and each gets
// its own data.
func TestOnePortManySessions(t *testing.T) {
	t.Parallel()
	ports := onePort(t)
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	var all sync.WaitGroup
	for i := range 4 {
		c := ts.loginWith(t, never(ts.Config))
		all.Go(func() {
			name := fmt.Sprintf("%d.txt", i)
			for j := range 10 {
				want := fmt.Sprintf("%d of session %d", j, i)
				c.put(want, "STOR %s", name)
				assert.Equal(t, want, c.get("RETR %s", name))
			}
		})
	}
	all.Wait()
}
