package server_test

import (
	"bytes"
	"cmp"
	"context"
	stdtls "crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// crowd is how many sessions go through one port at once. CI shows it with 500,
// without the race detector: SALLYPORT_CROWD=500 go test -run Crowd ./server
func crowd() int {
	if n, err := strconv.Atoi(os.Getenv("SALLYPORT_CROWD")); err == nil {
		return n
	}
	if raceEnabled {
		return 20
	}
	return 40
}

// member is one session of the crowd.
type member struct {
	*ftpclient.Client
	name   string
	waited []time.Duration // for the replies to EPSV
}

// join logs a member in over explicit TLS. A member that does not resume proves
// nothing on its data connections, like Python's ftplib.
func (ts *testServer) join(name string, resumes bool) (*member, error) {
	return ts.joinAs(name, name, cache(resumes))
}

// cache returns a client's memory of TLS sessions; nil for a client that does not
// resume.
func cache(resumes bool) stdtls.ClientSessionCache {
	if resumes {
		return stdtls.NewLRUClientSessionCache(1)
	}
	return nil
}

// everybody lets any user in who knows the password.
func everybody(srv *server.Server) {
	one := srv.Driver
	srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
		l.User = testUser
		return one.Login(ctx, l)
	})
}

// loginAs does what login does, as another user.
func (ts *testServer) loginAs(t testing.TB, user string) *client {
	t.Helper()
	return ts.loginOf(t, user, ts.Config)
}

func (ts *testServer) joinAs(user, name string, cache stdtls.ClientSessionCache) (*member, error) {
	return ts.joinHost("", user, name, cache)
}

// joinHost logs a member in at one of the names that the server has, as a user with
// a cache of TLS sessions.
func (ts *testServer) joinHost(host, user, name string, cache stdtls.ClientSessionCache) (*member, error) {
	cfg := trust(ts.TLS)
	cfg.ClientSessionCache = cache
	conn, err := ftpclient.DialTCP(ts.Addr)
	if err != nil {
		return nil, err
	}
	m := &member{Client: ftpclient.New(conn, cfg), name: name}
	if _, err := m.Expect(220); err != nil {
		return nil, err
	}
	if err := m.AuthTLS(); err != nil {
		return nil, err
	}
	if host != "" {
		if _, err := m.Cmd(220, "HOST "+host); err != nil {
			return nil, err
		}
	}
	return m, m.Login(user, testPassword)
}

// epsv asks for a port and notes how long that took.
func (m *member) epsv() (string, error) {
	start := time.Now()
	at, err := m.EPSV()
	if err == nil {
		m.waited = append(m.waited, time.Since(start))
	}
	return at, err
}

// transfer runs one command with a data connection. put is what it uploads.
func (m *member) transfer(line string, put []byte) (got string, err error) {
	at, err := m.epsv()
	if err != nil {
		return "", fmt.Errorf("%s: %w", m.name, err)
	}
	data, err := m.OpenAt(at, line)
	if err != nil {
		return "", fmt.Errorf("%s: %w", m.name, err)
	}
	defer data.Close()
	if put != nil {
		if _, err := data.Write(put); err != nil {
			return "", err
		}
		if err := data.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			return "", err
		}
	}
	if got, err = ftpclient.ReadAll(data); err != nil {
		return "", fmt.Errorf("%s: %s: %w", m.name, line, err)
	}
	return got, m.Done()
}

// round stores and fetches one file that carries the member's identity.
func (m *member) round(file string, size int) error {
	content := bytes.Repeat([]byte(m.name+"/"+file+"\n"), size/(len(m.name)+len(file)+2)+1)
	if _, err := m.transfer("STOR "+m.name+"-"+file, content); err != nil {
		return err
	}
	got, err := m.transfer("RETR "+m.name+"-"+file, nil)
	if err == nil && got != string(content) {
		err = fmt.Errorf("%s: %s came back as something else: %d bytes for %d", m.name, file, len(got), len(content))
	}
	return err
}

// life transfers what a member transfers: twenty small files and a large one.
func (m *member) life() error {
	for i := range 10 {
		if err := m.round("small"+strconv.Itoa(i), 1000); err != nil {
			return err
		}
	}
	return m.round("large", 1<<20)
}

// gather runs n members at once and returns how long each waited for its ports.
func gather(t *testing.T, ts *testServer, n int, account string, resumes func(i int) bool) (waited []time.Duration) {
	t.Helper()
	var (
		mu   sync.Mutex
		errs []error
		wg   sync.WaitGroup
		gate = make(chan struct{})
	)
	for i := range n {
		wg.Go(func() {
			name := fmt.Sprintf("m%03d", i)
			m, err := ts.joinAs(cmp.Or(account, name), name, cache(resumes(i)))
			if err == nil {
				defer m.Conn.Close()
				<-gate // all are logged in before anybody moves a byte
				err = m.life()
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
			if m != nil {
				waited = append(waited, m.waited...)
			}
		})
	}
	eventually(t, "logins", func() bool {
		in := 0
		for _, s := range ts.Sessions() {
			if s.User != "" {
				in++
			}
		}
		mu.Lock()
		defer mu.Unlock()
		return in == n || len(errs) > 0
	})
	close(gate)
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	return waited
}

// Any number of sessions behind one address transfer through a single data port,
// all at once: with clients that all resume, and with a third of clients that never
// do.
func TestCrowdThroughOnePort(t *testing.T) {
	n := crowd()
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "clients\tsessions\taddresses\tports\ttransfers\tfailed\twait median\t99 %\tmax")
	for _, mix := range []struct {
		name    string
		account string // empty: each its own
		resumes func(int) bool
	}{
		{"all resume", "", func(int) bool { return true }},
		{"a third never resumes", "", func(i int) bool { return i%3 != 0 }},
		{"all resume, one account", testUser, func(int) bool { return true }},
	} {
		ports := onePort(t)
		ts := start(t, everybody, func(srv *server.Server) {
			srv.Passive = ports
			srv.MaxSessions, srv.MaxSessionsPerAddress = -1, -1
			srv.Logger = nil
		})
		waited := gather(t, ts, n, mix.account, mix.resumes)
		slices.Sort(waited)
		q := func(p float64) time.Duration {
			return waited[int(p*float64(len(waited)-1))].Round(100 * time.Microsecond)
		}
		fmt.Fprintf(w, "%s\t%d\t1\t1\t%d\t0\t%v\t%v\t%v\n", mix.name, n, len(waited), q(0.5), q(0.99), q(1))
		require.Len(t, waited, n*22)
		stats := ports.Stats()
		require.Zero(t, stats.Leases)
		require.Zero(t, stats.Unproven)
		require.Zero(t, stats.Busy)
	}
	w.Flush()
	t.Logf("\n%s", &table)
}

// A data connection in clear proves nothing. So its session has the port to itself
// until the data connection comes, and waits its turn among the sessions that share
// the port.
func TestClearDataOnOnePort(t *testing.T) {
	ts := start(t, everybody, insecure, func(srv *server.Server) { srv.Passive = onePort(t); srv.Logger = nil })
	var wg sync.WaitGroup
	errs := make([]error, 12)
	for i := range errs {
		wg.Go(func() {
			m, err := ts.join(fmt.Sprintf("m%d", i), true)
			if err == nil && i%3 == 0 {
				m.Private = false
				_, err = m.Cmd(200, "PROT C")
			}
			for n := 0; n < 10 && err == nil; n++ {
				err = m.round("file"+strconv.Itoa(n), 3000)
			}
			errs[i] = err
			if m != nil {
				m.Conn.Close()
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
}

// Fifty sessions that send EPSV and never connect do not stop an honest session of
// the same address on one port.
func TestSquattersOnOnePort(t *testing.T) {
	t.Parallel()
	ts := start(t, everybody, func(srv *server.Server) { srv.Passive = onePort(t); srv.Logger = nil })
	var wg sync.WaitGroup
	for i := range 50 {
		m, err := ts.join(fmt.Sprintf("squatter%d", i), true)
		require.NoError(t, err)
		defer m.Conn.Close()
		wg.Go(func() { m.epsv() })
	}
	wg.Wait()
	m, err := ts.join("honest", true)
	require.NoError(t, err)
	defer m.Conn.Close()
	for i := range 20 {
		require.NoError(t, m.round("file"+strconv.Itoa(i), 5000))
	}
}

// Thieves of the same address connect all the time, saying nothing, speaking TLS
// without a ticket, or with the ticket of a session of their own. They get nothing,
// and an honest client that resumes does not notice them.
func TestThievesOnOnePort(t *testing.T) {
	for _, policy := range []tls.Reuse{tls.Prefer, tls.Require} {
		for _, kind := range []string{"silent", "without ticket", "own ticket"} {
			t.Run(policy.String()+"/"+kind, func(t *testing.T) {
				ports := onePort(t)
				ts := start(t, everybody, func(srv *server.Server) {
					srv.Passive, srv.SessionReuse, srv.Logger = ports, policy, nil
				})
				honest, err := ts.join("honest", true)
				require.NoError(t, err)
				defer honest.Conn.Close()
				require.NoError(t, honest.round("first", 100))
				thief, err := ts.join("thief", true)
				require.NoError(t, err)
				defer thief.Conn.Close()
				stolen := make(chan []byte, 1)
				stop := make(chan struct{})
				at := net.JoinHostPort("127.0.0.1", ports.String())
				var wg sync.WaitGroup
				wg.Go(func() {
					defer close(stolen)
					for {
						select {
						case <-stop:
							return
						default:
						}
						if got := rob(at, kind, thief); len(got) > 0 {
							stolen <- got
							return
						}
					}
				})
				for i := range 10 {
					require.NoError(t, honest.round("file"+strconv.Itoa(i), 5000))
				}
				close(stop)
				wg.Wait()
				require.Empty(t, string(<-stolen))
			})
		}
	}
}

// A program with several connections and one cache of tickets for all of them
// offers any ticket on any data connection. Nothing is mixed up and nothing is
// refused, through one port or several, whether the connections log in at once or
// in turn, and when one of them has shown its own ticket many times.
func TestOneCacheForSeveralSessions(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"once", "in turn", "one first"} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/many=%t", at, many), func(t *testing.T) {
				ts := start(t, func(srv *server.Server) {
					if !many {
						srv.Passive = onePort(t)
					}
				})
				all := stdtls.NewLRUClientSessionCache(64)
				var logins sync.Mutex
				var wg sync.WaitGroup
				errs := make([]error, 6)
				if at == "one first" {
					m, err := ts.joinAs(testUser, "first", all)
					require.NoError(t, err)
					defer m.Conn.Close()
					rounds := func(n int) {
						for i := 0; i < n && err == nil; i++ {
							err = m.round("first"+strconv.Itoa(i), 3000)
						}
					}
					rounds(8)
					require.NoError(t, err)
					wg.Go(func() { rounds(16); errs[0] = err })
				}
				for i := range errs {
					if i == 0 && at == "one first" {
						continue
					}
					wg.Go(func() {
						if at == "in turn" {
							logins.Lock()
						}
						m, err := ts.joinAs(testUser, fmt.Sprintf("s%d", i), all)
						if at == "in turn" {
							logins.Unlock()
						}
						for n := 0; n < 8 && err == nil; n++ {
							err = m.round("file"+strconv.Itoa(n), 3000)
						}
						errs[i] = err
						if m != nil {
							m.Conn.Close()
						}
					})
				}
				wg.Wait()
				require.NoError(t, errors.Join(errs...))
			})
		}
	}
}

// rob connects to a data port as a thief would and returns what it gets.
func rob(at, kind string, thief *member) []byte {
	conn, err := net.DialTimeout("tcp", at, time.Second)
	if err != nil {
		return nil
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(50 * time.Millisecond))
	var r io.Reader = conn
	if kind != "silent" {
		cfg := thief.TLS.Clone()
		if kind == "without ticket" {
			cfg.ClientSessionCache = nil
		}
		r = stdtls.Client(conn, cfg)
	}
	got, _ := io.ReadAll(r)
	return got
}

// Two tenants have a user of the same name behind one address. The ticket of one
// opens no data connection of the other.
func TestTenantsOfOneName(t *testing.T) {
	ts := start(t, func(srv *server.Server) {
		tenants := map[string]driver.FS{"a.example": driver.Mem(), "b.example": driver.Mem()}
		inner := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			account, err := inner.Login(ctx, l)
			if err == nil {
				account.FS = tenants[l.Host]
			}
			return account, err
		})
	})
	a, err := ts.joinHost("a.example", testUser, "a", cache(true))
	require.NoError(t, err)
	b, err := ts.joinHost("b.example", testUser, "b", cache(true))
	require.NoError(t, err)
	_, err = a.transfer("STOR secret", []byte("of a"))
	require.NoError(t, err)

	at, err := a.epsv()
	require.NoError(t, err)
	require.NoError(t, a.Send("RETR secret"))
	thief, err := net.Dial("tcp", at)
	require.NoError(t, err)
	defer thief.Close()
	thief.SetDeadline(time.Now().Add(patience))
	got, _ := io.ReadAll(stdtls.Client(thief, b.TLS))
	require.Empty(t, got)
}
