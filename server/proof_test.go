package server_test

import (
	"bytes"
	"context"
	stdtls "crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// sniffed is what somebody on the way of a data connection sees: its ClientHello, and the
// ticket in the ClientHello. Both travel in clear.
type sniffed struct {
	hello  []byte
	ticket []byte
}

// sniffer is a connection that notes what is written first.
type sniffer struct {
	net.Conn
	hello *[]byte
}

func (s sniffer) Write(p []byte) (int, error) {
	if *s.hello == nil {
		*s.hello = bytes.Clone(p)
	}
	return s.Conn.Write(p)
}

// keeper is a cache that keeps the last ticket whatever is done with the ticket.
type keeper struct {
	mu   sync.Mutex
	last *stdtls.ClientSessionState
}

func (k *keeper) Get(string) (*stdtls.ClientSessionState, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last, k.last != nil
}

func (k *keeper) Put(_ string, s *stdtls.ClientSessionState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s != nil {
		k.last = s
	}
}

// sniff fetches a file as client c and returns what somebody on the way saw.
func sniff(t *testing.T, c *client, file string) sniffed {
	t.Helper()
	var seen sniffed
	before, ok := c.TLS.ClientSessionCache.Get("")
	require.True(t, ok)
	ticket, _, err := before.ResumptionState()
	require.NoError(t, err)
	seen.ticket = ticket
	conn := c.dataTCP(c.pasv())
	c.cmd(150, "RETR %s", file)
	sec := stdtls.Client(sniffer{conn, &seen.hello}, c.TLS)
	_, err = io.ReadAll(sec)
	require.NoError(t, err)
	require.True(t, sec.ConnectionState().DidResume)
	sec.Close()
	c.expect(226)
	require.Contains(t, string(seen.hello), string(ticket), "the ticket is in there")
	return seen
}

// shown returns a function that shows a ticket without its secret. The thief has the
// secret of a session of its own, of the given version of TLS.
func (seen sniffed) shown(t *testing.T, ts *testServer, version uint16) func(net.Conn) {
	t.Helper()
	cfg := ts.Config.Clone()
	cfg.MaxVersion, cfg.ClientSessionCache = version, new(keeper)
	ts.loginOf(t, "thief", cfg) // a user of its own: another session of the owner would change what is demanded
	cs, ok := cfg.ClientSessionCache.Get("")
	require.True(t, ok)
	_, state, err := cs.ResumptionState()
	require.NoError(t, err)
	forged, err := stdtls.NewResumptionState(seen.ticket, state)
	require.NoError(t, err)
	cfg.ClientSessionCache = &keeper{last: forged}
	return func(conn net.Conn) { stdtls.Client(conn, cfg).Write([]byte("stolen")) }
}

// Row 41: to show a ticket is not to resume it. A thief saw the ticket of a session that
// has proved itself before, and shows the ticket from any address. The thief gets no byte,
// stores nothing and ends nothing.
func TestTicketShown(t *testing.T) {
	means := map[string]func(t *testing.T, ts *testServer, seen sniffed, thief *client) func(net.Conn){
		"its ClientHello again": func(_ *testing.T, _ *testServer, seen sniffed, _ *client) func(net.Conn) {
			return func(conn net.Conn) { conn.Write(seen.hello) }
		},
		"its ticket, TLS 1.3": func(t *testing.T, ts *testServer, seen sniffed, _ *client) func(net.Conn) {
			return seen.shown(t, ts, stdtls.VersionTLS13)
		},
		"its ticket, TLS 1.2": func(t *testing.T, ts *testServer, seen sniffed, _ *client) func(net.Conn) {
			return seen.shown(t, ts, stdtls.VersionTLS12)
		},
		"a sibling's ticket": func(t *testing.T, ts *testServer, _ sniffed, _ *client) func(net.Conn) {
			cfg := ts.Config.Clone()
			cfg.ClientSessionCache = new(keeper)
			sibling := sniff(t, ts.loginWith(t, cfg), "a")
			return func(conn net.Conn) { conn.Write(sibling.hello) }
		},
	}
	for name, show := range means {
		for _, policy := range []tls.Reuse{tls.Prefer, tls.Require} {
			for _, from := range []string{"home", "elsewhere"} {
				for _, command := range []string{"RETR a", "STOR b"} {
					t.Run(fmt.Sprint(name, " ", policy, " ", from, " ", command), func(t *testing.T) {
						t.Parallel()
						ts := start(t, everybody, func(srv *server.Server) {
							srv.SessionReuse, srv.Passive = policy, onePort(t)
						})
						ts.writeFile(t, "a", "secret")
						cfg := ts.Config.Clone()
						cfg.ClientSessionCache = new(keeper)
						owner := ts.loginWith(t, cfg)
						thief := ts.loginAs(t, "thief")
						rob := show(t, ts, sniff(t, owner, "a"), thief)

						at := owner.pasv()
						conn := thief.dataTCP(at)
						if from == "elsewhere" {
							conn.Close()
							var err error
							conn, err = stranger(t, at)
							require.NoError(t, err)
						}
						owner.cmd(150, "%s", command)
						got := make(chan []byte, 1)
						conn.SetDeadline(time.Now().Add(patience))
						raw := &heard{Conn: conn}
						go func() {
							rob(raw)
							io.Copy(io.Discard, raw)
							got <- raw.read
						}()
						sec := owner.dataTLS(owner.dataTCP(at))
						if command == "RETR a" {
							require.Equal(t, "secret", readAll(t, sec))
						} else {
							io.WriteString(sec, "own")
						}
						sec.Close()
						owner.expect(226)
						require.True(t, ts.lastTransfer(t).Resumed)
						conn.Close()
						require.NotContains(t, string(<-got), "secret")
						if command == "STOR b" {
							require.Equal(t, "own", ts.readFile(t, "b"))
						}
					})
				}
			}
		}
	}
}

// heard is a connection that keeps what is read.
type heard struct {
	net.Conn
	read []byte
}

func (c *heard) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read = append(c.read, p[:n]...)
	return n, err
}

// Strangers at the client's own address can neither push the client's connection out, nor
// end its transfer, nor have a session do without the proof that it has given before.
func TestStrangersAtTheAddress(t *testing.T) {
	come := map[string]func(c *client, at string){
		"one without ticket, sixteen silent": func(c *client, at string) {
			stdtls.Client(c.dataTCP(at), &stdtls.Config{InsecureSkipVerify: true}).Handshake()
			for range 16 {
				c.dataTCP(at)
			}
		},
		"two without ticket": func(c *client, at string) {
			for range 2 {
				conn := c.dataTCP(at)
				go stdtls.Client(conn, &stdtls.Config{InsecureSkipVerify: true}).Handshake()
			}
		},
		"connect and hang up": func(c *client, at string) {
			for range 3 {
				c.dataTCP(at).Close()
			}
		},
		"no TLS at all": func(c *client, at string) { io.WriteString(c.dataTCP(at), "GET / HTTP/1.0\r\n\r\n") },
	}
	for name, strangers := range come {
		for _, policy := range []tls.Reuse{tls.Prefer, tls.Require} {
			t.Run(name+" "+policy.String(), func(t *testing.T) {
				t.Parallel()
				ts := start(t, func(srv *server.Server) { srv.SessionReuse, srv.Passive = policy, onePort(t) })
				ts.writeFile(t, "a", "secret")
				c := ts.login(t)
				require.Equal(t, "secret", c.get("RETR a"))
				at := c.pasv()
				own := c.dataTCP(at)
				strangers(c, at)
				c.cmd(150, "RETR a")
				strangers(c, at)
				time.Sleep(1500 * time.Millisecond) // the demand for proof must not end meanwhile
				require.Equal(t, "secret", readAll(t, c.dataTLS(own)))
				c.expect(226)
				require.True(t, ts.lastTransfer(t).Resumed)
			})
		}
	}
}

// A transfer that is refused gives the one port back, and so does a control connection
// that ends. The next session gets the port, and waits for nothing.
func TestPortIsGivenBack(t *testing.T) {
	ends := map[string]func(t *testing.T, ts *testServer, c *client){
		"refused": func(_ *testing.T, _ *testServer, c *client) {
			for _, line := range []string{"RETR missing", "STOR missing/x", "LIST missing", "MLSD missing"} {
				c.epsv()
				r := c.try(line)
				require.Equal(c.t, "5", r[:1], r)
			}
		},
		"the end after 229": func(t *testing.T, ts *testServer, c *client) { c.epsv(); c.Conn.Close() },
		"the end after 150": func(t *testing.T, ts *testServer, c *client) { c.epsv(); c.cmd(150, "RETR a"); c.Conn.Close() },
		"FIN after 150": func(t *testing.T, ts *testServer, c *client) {
			c.epsv()
			c.cmd(150, "RETR a")
			c.tcp().CloseWrite()
		},
		"QUIT after 150": func(t *testing.T, ts *testServer, c *client) {
			c.epsv()
			c.cmd(150, "RETR a")
			c.cmd(425, "QUIT")
			c.expect(221)
		},
		"ABOR": func(t *testing.T, ts *testServer, c *client) { c.epsv(); c.cmd(226, "ABOR") },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ports := onePort(t)
			ports.Wait, ports.TTL = -1, time.Hour
			ts := start(t, func(srv *server.Server) { srv.Passive, srv.HandshakeTimeout = ports, time.Hour })
			ts.writeFile(t, "a", "content")
			c, next := ts.loginWith(t, never(ts.Config)), ts.loginWith(t, never(ts.Config))
			end(t, ts, c)
			eventually(t, "the port", func() bool { return ports.Stats().Leases == 0 })
			require.Equal(t, "content", next.get("RETR a"))
		})
	}
}

// stuckDriver serves files whose Open or Stat ignores its context and returns when told
// to: for the names in the fields Open and Stat.
type stuckDriver struct {
	driver.Driver
	reached, release chan struct{}
}

func (d *stuckDriver) Login(ctx context.Context, l *driver.Login) (*driver.Account, error) {
	account, err := d.Driver.Login(ctx, l)
	if err == nil {
		account.FS = stuckFS{account.FS, d}
	}
	return account, err
}

type stuckFS struct {
	driver.FS
	d *stuckDriver
}

func (f stuckFS) wait(name, at string) {
	if name == at {
		f.d.reached <- struct{}{}
		<-f.d.release
	}
}

func (f stuckFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	f.wait(name, "Stat")
	return f.FS.Stat(ctx, name)
}

func (f stuckFS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	f.wait(name, "Open")
	return f.FS.Open(ctx, name, offset)
}

// A control connection that ends, and ABOR, give the one port back at once, though a
// driver that ignores its context has not returned yet.
func TestPortIsGivenBackBeforeTheDriverReturns(t *testing.T) {
	for _, in := range []string{"Open", "Stat"} {
		for name, end := range map[string]func(c *client){
			"FIN":  func(c *client) { c.tcp().CloseWrite() },
			"RST":  func(c *client) { c.tcp().SetLinger(0); c.tcp().Close() },
			"ABOR": func(c *client) { c.send("ABOR") },
		} {
			t.Run(in+" "+name, func(t *testing.T) {
				t.Parallel()
				ports := onePort(t)
				ports.TTL = time.Hour
				d := &stuckDriver{reached: make(chan struct{}), release: make(chan struct{})}
				ts := start(t, func(srv *server.Server) {
					d.Driver, srv.Driver, srv.Passive = srv.Driver, d, ports
				})
				ts.writeFile(t, in, "content")
				c := ts.loginWith(t, never(ts.Config))
				c.epsv()
				c.send("%s", map[string]string{"Open": "RETR Open", "Stat": "RETR Stat/"}[in])
				<-d.reached
				end(c)
				eventually(t, "the port", func() bool { return ports.Stats().Leases == 0 })
				close(d.release)
			})
		}
	}
}

// Transfers that a client has sent ahead of the end of its control connection keep no port
// for one another: nobody reads where the port is.
func TestPortsBehindTheEnd(t *testing.T) {
	for _, sent := range []string{
		"EPSV|RETR f|EPSV|RETR f|EPSV|RETR f", "STOR a|EPSV|RETR f", "RETR missing|EPSV|STOR a", "EPSV|EPSV|LIST",
	} {
		fake(t, func(t *testing.T, fs *fakeServer) {
			fs.writeFile(t, "f", "content")
			c := fs.login(t)
			require.NoError(t, c.Write(strings.ReplaceAll("EPSV|"+sent, "|", "\r\n")+"\r\n"))
			require.NoError(t, c.Conn.(*stdtls.Conn).NetConn().(patient).CloseWrite())
			time.Sleep(time.Second)
			require.Zero(t, fs.Passive.Stats().Leases, sent)
			require.Empty(t, fs.Sessions(), sent)
		})
	}
}

// A client may end its side of the control connection behind its last command. If its data
// connection is there already, it is served.
func TestHalfClosedBehindTheCommand(t *testing.T) {
	d := &stuckDriver{reached: make(chan struct{}), release: make(chan struct{})}
	ts := start(t, func(srv *server.Server) { d.Driver, srv.Driver, srv.Passive = srv.Driver, d, onePort(t) })
	ts.writeFile(t, "Open", "content")
	c := ts.login(t)
	data := c.dataTLS(c.dataTCP(c.pasv()))
	c.send("RETR Open")
	<-d.reached
	require.NoError(t, c.tcp().CloseWrite())
	time.Sleep(100 * time.Millisecond) // so that the server has heard the end
	close(d.release)
	require.Equal(t, "content", readAll(t, data))
}

// A client is also served if it ends its side of the control connection before the server
// has got to the transfer, or during the handshake on the data connection.
func TestHalfClosedBehindUpload(t *testing.T) {
	for _, early := range []bool{true, false} {
		for _, reuse := range []tls.Reuse{tls.Prefer, tls.Off} {
			ts := start(t, func(srv *server.Server) { srv.SessionReuse, srv.Passive = reuse, onePort(t) })
			for i := range 20 {
				c := ts.login(t)
				name := fmt.Sprint(early, i)
				order := func() {
					c.send("STOR %s", name)
					require.NoError(t, c.tcp().CloseWrite())
				}
				data := c.dataTCP(c.pasv())
				if early {
					data = c.dataTLS(data)
					order()
				} else {
					data = c.dataTLS(&midway{data, order})
				}
				_, err := io.WriteString(data, "content")
				require.NoError(t, err)
				require.NoError(t, data.Close())
				c.expect(150)
				c.expect(226)
				require.Equal(t, "content", ts.readFile(t, name))
				c.Close()
			}
		}
	}
}

// midway is a connection that calls a function when the first answer has come.
type midway struct {
	net.Conn
	do func()
}

func (c *midway) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.do != nil {
		do := c.do
		c.do = nil
		do()
	}
	return n, err
}

// A transfer that is stuck holds up no other session of its account, on one port.
func TestStuckTransferOfTheAccount(t *testing.T) {
	for _, policy := range []tls.Reuse{tls.Prefer, tls.Require} {
		t.Run(policy.String(), func(t *testing.T) {
			ports := onePort(t)
			ports.Wait = -1
			ts := start(t, func(srv *server.Server) { srv.SessionReuse, srv.Passive = policy, ports })
			ts.writeFile(t, "a", "content")
			stuck, other := ts.login(t), ts.login(t)
			for range 8 { // until the sessions are known to keep their tickets apart
				require.Equal(t, "content", stuck.get("RETR a"))
				require.Equal(t, "content", other.get("RETR a"))
			}
			at := stuck.pasv()
			stuck.cmd(150, "RETR a")
			for range 3 {
				require.Equal(t, "content", other.get("RETR a"))
			}
			require.Equal(t, "content", readAll(t, stuck.dataTLS(stuck.dataTCP(at))))
			stuck.expect(226)
		})
	}
}

// A session that has shown its own ticket for eight transfers has to show it for the next
// one as well, though another session of its user has logged in meanwhile. Somebody at the
// client's address without the ticket gets nothing.
func TestSessionThatProvesItselfAlone(t *testing.T) {
	for _, version := range []uint16{stdtls.VersionTLS12, stdtls.VersionTLS13} {
		t.Run(stdtls.VersionName(version), func(t *testing.T) {
			fake(t, func(t *testing.T, ts *fakeServer) {
				ts.writeFile(t, "a", "secret")
				cfg := ts.Config.Clone()
				cfg.MaxVersion = version
				c := ts.loginWith(t, cfg)
				for range 8 {
					require.Equal(t, "secret", c.get("RETR a"))
				}
				ts.login(t)
				conn := c.open2("RETR a")
				require.ErrorContains(t, stdtls.Client(conn, ts.Config).Handshake(), "access denied")
				c.expect(425)
				require.Equal(t, "secret", c.get("RETR a"))
			})
		})
	}
}

// A client that has to resume and has lost its ticket reads, as often as it tries, that it has
// to log in again, and its session goes on. Nobody else gets anything.
func TestLostTickets(t *testing.T) {
	for reuse, code := range map[tls.Reuse]int{tls.Prefer: 425, tls.Require: 522} {
		t.Run(reuse.String(), func(t *testing.T) {
			fake(t, func(t *testing.T, ts *fakeServer) {
				ts.writeFile(t, "a", "secret")
				c := ts.loginWith(t, ts.Config)
				require.Equal(t, "secret", c.get("RETR a"))
				cfg := ts.Config.Clone()
				cfg.ClientSessionCache = nil
				for range 4 {
					require.ErrorContains(t, stdtls.Client(c.open2("RETR a"), cfg).Handshake(), "access denied")
					require.Contains(t, c.expect(code).String(), "log in again")
				}
				require.Equal(t, "secret", c.get("RETR a"))
			}, func(srv *server.Server) { srv.SessionReuse = reuse })
		})
	}
}

// deaf is a connection whose client hears nothing: of a handshake it only sends the hello.
type deaf struct{ net.Conn }

func (deaf) Read([]byte) (int, error) { return 0, io.EOF }

// What comes from elsewhere decides nothing about how a transfer fails whose client doesn't come:
// neither what claims nothing nor an overheard ticket.
func TestStrangersDecideNoReply(t *testing.T) {
	for _, reuse := range []tls.Reuse{tls.Prefer, tls.Require} {
		for what, say := range map[string]func(conn net.Conn, cfg *stdtls.Config){
			"garbage": func(conn net.Conn, _ *stdtls.Config) { io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n") },
			"no ticket": func(conn net.Conn, _ *stdtls.Config) {
				stdtls.Client(conn, &stdtls.Config{InsecureSkipVerify: true}).Handshake()
			},
			"hangs up": func(conn net.Conn, _ *stdtls.Config) { conn.Close() },
			"an overheard ticket": func(conn net.Conn, cfg *stdtls.Config) {
				stdtls.Client(deaf{conn}, cfg).Handshake()
				conn.Close()
			},
		} {
			t.Run(fmt.Sprint(reuse, " ", what), func(t *testing.T) {
				fake(t, func(t *testing.T, ts *fakeServer) {
					ts.writeFile(t, "a", "secret")
					c := ts.loginWith(t, ts.Config)
					require.Equal(t, "secret", c.get("RETR a"))
					for range 3 {
						at := c.pasv()
						c.send("RETR a")
						c.expect(150)
						to, err := netip.ParseAddrPort(at)
						require.NoError(t, err)
						say(ts.tcp(t, netip.MustParseAddr("203.0.113.9"), to.Port(), buffer), ts.Config)
						require.Contains(t, c.expect(425).String(), "Can't open the data connection")
					}
					require.Equal(t, "secret", c.get("RETR a"))
				}, func(srv *server.Server) { srv.SessionReuse = reuse })
			})
		}
	}
}

// A client that has never resumed is told so as often as it tries.
func TestNoTicketsEver(t *testing.T) {
	fake(t, func(t *testing.T, ts *fakeServer) {
		ts.writeFile(t, "a", "secret")
		cfg := ts.Config.Clone()
		cfg.ClientSessionCache = nil
		c := ts.loginWith(t, cfg)
		for range 4 {
			require.ErrorContains(t, stdtls.Client(c.open2("RETR a"), cfg).Handshake(), "access denied")
			c.expect(522)
		}
	}, func(srv *server.Server) { srv.SessionReuse = tls.Require })
}

// The sessions of one program share a port once the program was seen to keep their tickets
// apart, and not only when each has shown its own eight times: ten connections of one
// client are no slower on one port than on ten.
func TestSessionsOfOneProgram(t *testing.T) {
	ports := onePort(t)
	ports.Wait = -1
	ts := start(t, func(srv *server.Server) { srv.Passive = ports })
	ts.writeFile(t, "a", "content")
	sessions := make([]*client, 4)
	for i := range sessions {
		sessions[i] = ts.login(t)
	}
	for range 2 {
		for _, c := range sessions {
			require.Equal(t, "content", c.get("RETR a"))
		}
	}
	at := make([]string, len(sessions))
	for i, c := range sessions {
		at[i] = c.pasv()
		c.cmd(150, "RETR a")
	}
	// A session that has shown nothing yet may be another program's.
	ts.login(t).cmd(425, "PASV")
	for i, c := range slices.Backward(sessions) {
		require.Equal(t, "content", readAll(t, c.dataTLS(c.dataTCP(at[i]))))
		c.expect(226)
	}
}

// Two servers share a set of data ports. Each keeps its binding, and the first to
// end takes nothing from the other.
func TestServersShareDataPorts(t *testing.T) {
	t.Parallel()
	ports := onePort(t)
	share := func(srv *server.Server) { srv.Passive, srv.SessionReuse = ports, tls.Require }
	one, two := start(t, share), start(t, share)
	one.writeFile(t, "a", "of one")
	two.writeFile(t, "a", "of two")
	a, b := one.login(t), two.login(t)
	for range 3 {
		atA, atB := a.epsv(), b.epsv()
		a.cmd(150, "RETR a")
		b.cmd(150, "RETR a")
		connB := b.dataTLS(b.dataTCP(atB))
		require.Equal(t, "of one", readAll(t, a.dataTLS(a.dataTCP(atA))))
		require.Equal(t, "of two", readAll(t, connB))
		a.expect(226)
		b.expect(226)
	}
	require.NoError(t, one.Close())
	require.Equal(t, "of two", b.get("RETR a"))
	require.True(t, two.lastTransfer(t).Resumed)
	require.Nil(t, ports.Logger)
}

// Some clients ask for their transfer only after the handshake on the data connection,
// with resumption or without (aioftp, axel).
func TestHandshakeFirst(t *testing.T) {
	t.Parallel()
	for _, policy := range []tls.Reuse{tls.Prefer, tls.Off} {
		ts := start(t, func(srv *server.Server) { srv.SessionReuse = policy })
		ts.writeFile(t, "a", "content")
		t.Run(policy.String()+", resumes", func(t *testing.T) { ts.handshakeFirst(t, ts.Config, true) })
		t.Run(policy.String()+", never", func(t *testing.T) { ts.handshakeFirst(t, never(ts.Config), false) })
	}
}

func (ts *testServer) handshakeFirst(t *testing.T, cfg *stdtls.Config, resumes bool) {
	c := ts.loginWith(t, cfg)
	for range 2 {
		sec := c.dataTLS(c.dataTCP(c.pasv()))
		c.cmd(150, "RETR a")
		require.Equal(t, "content", readAll(t, sec))
		c.expect(226)
		require.Equal(t, resumes, ts.lastTransfer(t).Resumed)
	}
}

// The handshake may come first also beside a session that waits on the same port and has
// to prove itself.
func TestHandshakeFirstBesideOthers(t *testing.T) {
	t.Parallel()
	ports := onePort(t)
	ts := start(t, everybody, func(srv *server.Server) { srv.Passive = ports })
	ts.writeFile(t, "a", "content")
	neighbour := ts.loginAs(t, "neighbour")
	for range 9 {
		require.Equal(t, "content", neighbour.get("RETR a"))
	}
	neighbour.pasv()
	ts.handshakeFirst(t, never(ts.Config), false)
}

// A ticket given to a connection that proved nothing proves nothing later. A thief who got
// one transfer of a client that can't prove itself does not get the right to transfers of
// a client that can.
func TestUnprovenTicketIsWorthNothing(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			fake(t, func(t *testing.T, ts *fakeServer) {
				ts.writeFile(t, "a", "secret")
				cfg := ts.Config.Clone()
				cfg.MaxVersion = version
				owner := ts.loginWith(t, cfg)
				// The thief is faster, with no ticket, and gets one.
				thief := cfg.Clone()
				thief.ClientSessionCache = new(keeper)
				conn := owner.dataTCP(owner.pasv())
				owner.cmd(150, "RETR a")
				require.Equal(t, "secret", readAll(t, stdtls.Client(conn, thief)), "nothing is known of the session yet")
				owner.expect(226)
				require.False(t, ts.lastTransfer(t).Resumed)

				require.Equal(t, "secret", owner.get("RETR a"))
				require.True(t, ts.lastTransfer(t).Resumed, "the owner can prove itself")
				conn = owner.dataTCP(owner.pasv())
				owner.cmd(150, "RETR a")
				got, _ := io.ReadAll(stdtls.Client(conn, thief))
				require.Empty(t, got)
				owner.expect(425)
			})
		})
	}
}
