package server_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/memnet"
	"github.com/sallyport/sallyport/server"
)

// Row 50: strangers have at most 100 commands a second, whatever they send and
// however fast.
func TestStrangersArePaced(t *testing.T) {
	for name, line := range map[string]string{
		"NOOP": "NOOP\r\n", "HELP": "HELP\r\n", "unknown": "XXXX\r\n", "syntax": "\r\n", "refused": "SIZE a\r\n", "REIN": "REIN\r\n",
		"long": strings.Repeat("x", 5000) + "\r\n",
	} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(name, secure), func(t *testing.T) {
				var replies atomic.Int32
				fake(t, func(t *testing.T, fs *fakeServer) {
					c := fs.from(t, "198.51.100.7")
					c.expect(220)
					if secure {
						c.authTLS()
					}
					synctest.Wait() // the replies up to here are counted
					before := replies.Load()
					go io.Copy(io.Discard, c.Lines)
					go func() {
						for {
							if _, err := io.WriteString(c.Conn, line); err != nil {
								return
							}
						}
					}()
					time.Sleep(time.Second)
					synctest.Wait()
					first := replies.Load() - before
					slack := 2.0
					if name == "long" {
						slack = 20 // because reads have a limit too
					}
					require.LessOrEqual(t, first, int32(100))
					require.InDelta(t, 98, first, slack)
					time.Sleep(9 * time.Second)
					synctest.Wait()
					require.LessOrEqual(t, replies.Load()-before, int32(820))
					require.InDelta(t, 818, replies.Load()-before, 10*slack)
					c.Conn.Close()
				}, func(srv *server.Server) {
					srv.Hooks = &server.Hooks{Reply: func(server.SessionInfo, server.Reply) { replies.Add(1) }}
					srv.Logger = nil
				})
			})
		}
	}
}

// A session that does not send more than clients do is not slowed down.
func TestLoginIsNotPaced(t *testing.T) {
	fake(t, func(t *testing.T, fs *fakeServer) {
		after(t, 0, func() {
			c := fs.from(t, "198.51.100.7")
			c.expect(220)
			c.cmd(211, "FEAT")
			c.authTLS()
			for _, line := range []string{"FEAT", "CLNT x", "OPTS UTF8 ON", "SYST", "HELP"} {
				c.send("%s", line)
				c.expect(200, 202, 211, 214, 215)
			}
			c.login()
			for range 1000 {
				c.cmd(200, "NOOP")
			}
		})
	})
}

// toil serves files that take their time: a file and a directory without end. It
// counts how many calls are at work.
type toil struct {
	driver.FS
	each     time.Duration
	at, most atomic.Int32
	calls    atomic.Int64
}

func (f *toil) work() {
	n := f.at.Add(1)
	for m := f.most.Load(); n > m && !f.most.CompareAndSwap(m, n); m = f.most.Load() {
	}
	time.Sleep(f.each)
	f.calls.Add(1)
	f.at.Add(-1)
}

func (f *toil) Open(context.Context, string, int64) (io.ReadCloser, error) {
	return io.NopCloser(toilReader{f}), nil
}

type toilReader struct{ f *toil }

func (r toilReader) Read(p []byte) (int, error) {
	r.f.work()
	return min(len(p), 1000), nil
}

// List does not look at its context.
func (f *toil) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		info, err := f.Stat(ctx, "file")
		for {
			f.work()
			if !yield(info, err) {
				return
			}
		}
	}
}

// toils has a server serve the files of toil.
func toils(f *toil) func(*server.Server) {
	return func(srv *server.Server) {
		files := driver.Mem()
		if up, err := files.Store(context.Background(), "file", driver.StoreOptions{}); err == nil {
			up.Commit()
			up.Close(nil)
		}
		f.FS = files
		srv.Driver = driver.User(testUser, testPassword, f)
		srv.DataTimeout = -1
	}
}

// Work that may take long without a byte sent is ended by ABOR; work without a data
// connection is ended by the end of the session, too. The driver may look at its
// context or not.
func TestAbortLongWork(t *testing.T) {
	for _, line := range []string{"STAT *x*", "STAT *[!a-z]*", "HASH file", "XCRC file", "COMB file2 file", "LIST *x*", "NLST [!f]*"} {
		t.Run(line, func(t *testing.T) {
			f := &toil{each: 100 * time.Microsecond}
			fake(t, func(t *testing.T, fs *fakeServer) {
				var data io.Closer
				begin := func(c *client) {
					if line[0] == 'L' || line[0] == 'N' {
						data = fs.data(t, c, buffer)
						c.cmd(150, "%s", line)
					} else {
						c.send("%s", line)
					}
					time.Sleep(time.Second)
				}
				c := fs.in(t)
				begin(c)
				c.send("ABOR")
				c.expect(426)
				c.expect(226)
				c.cmd(200, "NOOP")
				if data != nil {
					return // a transfer may go on without its control connection
				}
				begin(c)
				c.Conn.Close()
				time.Sleep(3 * time.Second)
				require.Empty(t, fs.Sessions())
				calls := f.calls.Load()
				time.Sleep(time.Second)
				require.Equal(t, calls, f.calls.Load())
			}, toils(f), func(srv *server.Server) { srv.Logger = nil })
		})
	}
}

// Work that may take long is done by fewer sessions at a time than there are
// processors.
func TestLongWorkTakesTurns(t *testing.T) {
	for _, line := range []string{"STAT *x*", "HASH file", "LIST *x*", "MLSD"} {
		t.Run(line, func(t *testing.T) {
			f := &toil{each: 20 * time.Microsecond}
			fake(t, func(t *testing.T, fs *fakeServer) {
				for range 10 {
					c := fs.in(t)
					if line[0] == 'L' || line[0] == 'M' {
						data := fs.data(t, c, buffer)
						go io.Copy(io.Discard, data)
					}
					c.send("%s", line)
				}
				time.Sleep(time.Second)
				require.EqualValues(t, max(runtime.GOMAXPROCS(0)-1, 1), f.most.Load())
			}, toils(f), func(srv *server.Server) { srv.Logger = nil })
		})
	}
}

// A listing that waits for its client, or for the data connection, leaves its turn to
// others at once.
func TestWaitingListingsTakeNoTurn(t *testing.T) {
	for _, connected := range []bool{true, false} {
		fake(t, func(t *testing.T, fs *fakeServer) {
			for _, dir := range []string{"many", "few"} {
				require.NoError(t, fs.FS.Mkdir(t.Context(), dir))
			}
			for i := range 2000 {
				fs.writeFile(t, fmt.Sprintf("many/%0100d", i), "")
			}
			fs.writeFile(t, "few/a", "")
			var waiting []net.Conn
			for range runtime.GOMAXPROCS(0) {
				c := fs.in(t)
				if connected {
					waiting = append(waiting, fs.data(t, c, buffer))
				} else {
					c.cmd(227, "PASV")
				}
				c.cmd(150, "LIST many")
			}
			synctest.Wait()
			c := fs.in(t)
			data := fs.data(t, c, buffer)
			after(t, 0, func() {
				c.cmd(150, "NLST few")
				got, err := io.ReadAll(data)
				require.NoError(t, err)
				require.Equal(t, "few/a\r\n", string(got))
				c.expect(226)
			})
			for _, data := range waiting {
				lines, err := io.ReadAll(data)
				require.NoError(t, err)
				require.Equal(t, 2000, strings.Count(string(lines), "\n"))
			}
		}, func(srv *server.Server) { srv.Logger = nil })
	}
}

// Connections that bring input without end and no line are read less often before
// login, and in turns after it.
func TestEndlessLines(t *testing.T) {
	for start, test := range map[string]struct {
		most   int32
		during time.Duration
	}{
		"": {10, time.Second},
		"USER " + testUser + "\r\nPASS " + testPassword + "\r\n": {int32(max(runtime.GOMAXPROCS(0)-1, 1)), time.Second / 10},
	} {
		f := &toil{each: 20 * time.Microsecond}
		fake(t, func(t *testing.T, fs *fakeServer) {
			ln := &floods{f: f, start: start, addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(memServer, 2121)), closed: make(chan struct{})}
			ln.left.Store(10)
			go fs.Serve(ln)
			time.Sleep(test.during)
			f.most.Store(0)
			before := f.calls.Load()
			time.Sleep(test.during)
			require.Positive(t, f.most.Load())
			require.LessOrEqual(t, f.most.Load(), test.most)
			if start == "" {
				require.InDelta(t, 10*500, f.calls.Load()-before, 50)
			}
		}, func(srv *server.Server) { srv.Logger = nil })
	}
}

// floods is a listener of clients that send one letter for ever after some lines.
type floods struct {
	f      *toil
	start  string
	addr   net.Addr
	left   atomic.Int32
	once   sync.Once
	closed chan struct{}
}

func (l *floods) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		client, conn := memPair()
		go io.Copy(io.Discard, client)
		return &flood{Conn: conn, f: l.f, start: l.start}, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *floods) Addr() net.Addr { return l.addr }
func (l *floods) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }

// flood is the connection of a client of floods.
type flood struct {
	net.Conn
	f      *toil
	start  string
	closed atomic.Bool
}

func (c *flood) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

func (c *flood) Read(p []byte) (int, error) {
	if c.f.work(); c.closed.Load() {
		return 0, net.ErrClosed
	}
	if n := copy(p, c.start); n > 0 {
		c.start = c.start[n:]
		return n, nil
	}
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// memPair returns both ends of a connection in memory.
func memPair() (client, server *memnet.Conn) {
	return memnet.Pair(netip.AddrPortFrom(memClient, 50000), netip.AddrPortFrom(memServer, 2121), buffer)
}
