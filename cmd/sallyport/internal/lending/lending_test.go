//go:build linux

package lending

import (
	"context"
	stdtls "crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// one is a server for alice with data ports.
type one struct {
	addr  string
	ports *passive.Ports
	table *Table
	joint *Joint
}

// keys are the ticket keys of all servers.
var keys = [][32]byte{{1}, {2}}

// serve starts a server.
func serve(t *testing.T, set string, config *tls.Config) *one {
	t.Helper()
	ports, err := passive.Range(set)
	require.NoError(t, err)
	o := &one{ports: ports, table: new(Table)}
	o.joint = &Joint{Table: o.table}
	srv := &server.Server{Driver: driver.User("alice", "secret", driver.Mem()), TLS: config, Passive: ports, InsecurePlaintext: true, Siblings: o.joint}
	require.NoError(t, srv.SetTicketKeys(keys))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	t.Cleanup(func() {
		srv.Close()
		<-ended
		ports.Close()
	})
	o.addr = ln.Addr().String()
	return o
}

// dial logs in. If resumes is set, the client keeps its TLS tickets and resumes.
func (o *one) dial(t *testing.T, config *stdtls.Config, resumes bool) *ftpclient.Client {
	t.Helper()
	config = config.Clone()
	if resumes {
		config.ClientSessionCache = stdtls.NewLRUClientSessionCache(0)
	}
	c, err := ftpclient.Dial(o.addr, false, config, "alice", "secret")
	require.NoError(t, err)
	t.Cleanup(func() { c.Conn.Close() })
	return c
}

// introduce has a table make its leases in the ports of another server, over a socket.
func introduce(t *testing.T, table *Table, to *one) (end func()) {
	t.Helper()
	mine, its, err := channel.Pair()
	require.NoError(t, err)
	require.NoError(t, Serve(its, to.ports, to.joint))
	require.NoError(t, table.Use(mine))
	peer, _ := table.current()
	t.Cleanup(func() { peer.Close() })
	return func() { peer.Close() }
}

// round stores a file and fetches it.
func round(c *ftpclient.Client, name, content string) error {
	if err := c.Put("STOR "+name, content); err != nil {
		return fmt.Errorf("STOR %s: %w", name, err)
	}
	got, err := c.Get("RETR " + name)
	if err != nil {
		return fmt.Errorf("RETR %s: %w", name, err)
	}
	if got != content {
		return fmt.Errorf("%s: %d bytes of %d", name, len(got), len(content))
	}
	return nil
}

// Two servers share one port: one has it, and the other asks for leases. Their clients resume TLS, never do, or have
// no TLS.
func TestTwoServersOnOnePort(t *testing.T) {
	config, err := tls.SelfSigned("127.0.0.1")
	require.NoError(t, err)
	set := testenv.FreePortSet(t, 1)
	newer, older := serve(t, set, config), serve(t, set, config)
	client := &stdtls.Config{InsecureSkipVerify: true, ServerName: "127.0.0.1"}
	before := older.dial(t, client, true)
	require.NoError(t, round(before, "before", "x"))
	waiting, err := before.EPSV()
	require.NoError(t, err)

	table := older.table
	end := introduce(t, table, newer)
	older.ports.Follow(table)
	data, err := before.OpenAt(waiting, "STOR told-before")
	require.NoError(t, err, "a port that was told before is there still")
	require.NoError(t, data.Close())
	require.NoError(t, before.Done())

	large := strings.Repeat("0123456789abcdef", 100_000)
	var wg sync.WaitGroup
	for i, c := range []*ftpclient.Client{before, older.dial(t, client, true), newer.dial(t, client, true), older.dial(t, client, false), newer.dial(t, client, false)} {
		wg.Go(func() {
			for n := range 5 {
				if err := round(c, fmt.Sprintf("%d-%d", i, n), large); err != nil {
					t.Errorf("client %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	clear := older.dial(t, client, true)
	_, err = clear.Cmd(200, "PROT C")
	require.NoError(t, err)
	clear.Private = false
	require.NoError(t, round(clear, "clear", large))
	require.Zero(t, older.ports.Stats().Listeners, "the older one has no port")
	require.NotZero(t, newer.ports.Stats().Accepted)

	// Checks that leases end in both tables, whether they were used or not.
	_, err = before.EPSV()
	require.NoError(t, err)
	require.Equal(t, 1, newer.ports.Stats().Leases)
	require.NoError(t, before.Close())
	require.Eventually(t, func() bool { return newer.ports.Stats().Leases == 0 }, ftpclient.Patience, 1e6)

	// Has another process take over from the one that has the ports.
	c := older.dial(t, client, true)
	end()
	require.NoError(t, newer.ports.Close())
	third := serve(t, set, config)
	introduce(t, table, third)
	require.NoError(t, round(c, "third", large))
	require.NoError(t, round(third.dial(t, client, true), "third", large))
}

// While no process has the ports, Lease waits for one.
func TestNobodyHasThePorts(t *testing.T) {
	table := new(Table)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := table.Lease(ctx, passive.Request{})
	require.ErrorIs(t, err, context.Canceled)
	config, err := tls.SelfSigned("127.0.0.1")
	require.NoError(t, err)
	other := serve(t, testenv.FreePortSet(t, 1), config)
	got := make(chan error, 1)
	local := netip.MustParseAddr("127.0.0.1")
	go func() {
		l, err := table.Lease(t.Context(), passive.Request{Client: local, Local: local})
		if err == nil {
			l.Close()
		}
		got <- err
	}()
	introduce(t, table, other)
	require.NoError(t, <-got)
}

// A program that keeps the TLS tickets of all its connections in one place has connections to three servers on one
// port. Any ticket counts with any of them, as with one server.
func TestTicketsInOnePlace(t *testing.T) {
	config, err := tls.SelfSigned("127.0.0.1")
	require.NoError(t, err)
	set := testenv.FreePortSet(t, 1)
	servers := []*one{serve(t, set, config), serve(t, set, config), serve(t, set, config)}
	client := &stdtls.Config{InsecureSkipVerify: true, ServerName: "127.0.0.1", ClientSessionCache: stdtls.NewLRUClientSessionCache(0)}
	var all []*ftpclient.Client
	login := func(o *one) {
		all = append(all, o.dial(t, client, false)) // with the one cache
	}
	login(servers[0])
	require.NoError(t, round(all[0], "before", "x"))
	for n := 1; n < 3; n++ {
		for _, older := range servers[:n] {
			introduce(t, older.table, servers[n])
			older.ports.Follow(older.table)
		}
		login(servers[n])
		for i := range 12 { // more than it takes until a server believes to know a client's habits
			for j, c := range all {
				require.NoError(t, round(c, fmt.Sprintf("file-%d-%d-%d", n, i, j), "content"), "session %d, round %d", j, i)
			}
		}
	}
	require.Zero(t, servers[2].ports.Stats().Strangers, "no data connection was refused")
	require.Zero(t, servers[2].ports.Stats().Expired)
}

// The leases of a session whose proof is asked for are counted apart from those without.
func TestLeasesWithoutProof(t *testing.T) {
	config, err := tls.SelfSigned("127.0.0.1")
	require.NoError(t, err)
	newer, older := serve(t, testenv.FreePortSet(t, 3), config), serve(t, testenv.FreePortSet(t, 3), config)
	introduce(t, older.table, newer)
	local := netip.MustParseAddr("127.0.0.1")
	lease := func(proves bool) passive.TableLease {
		r := passive.Request{Client: local, Local: local, Identity: "session"}
		if proves {
			r.Prover = older.joint.prover
		}
		l, err := older.table.Lease(t.Context(), r)
		require.NoError(t, err)
		return l
	}
	proven := lease(true)
	require.NoError(t, lease(false).Close())
	require.NotNil(t, newer.joint.find("session"), "a lease without proof has ended, and the other one is still there")
	require.NoError(t, proven.Close())
	require.Nil(t, newer.joint.find("session"))
}
