package server_test

import (
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// refusals keeps what Hooks.Refuse is told.
type refusals struct {
	mu  sync.Mutex
	all []server.Refusal
}

func (r *refusals) add(x server.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, x)
}

func (r *refusals) last(t *testing.T, n int) server.Refusal {
	t.Helper()
	eventually(t, "a refusal", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.all) >= n })
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.all, n)
	return r.all[n-1]
}

// The hook Refuse hears of connections beyond the limits, with the limit; Connect
// and Disconnect don't.
func TestRefusedByLimits(t *testing.T) {
	for want, limit := range map[string]func(*server.Server){
		"MaxSessions is reached":           func(srv *server.Server) { srv.MaxSessions = 1 },
		"MaxSessionsPerAddress is reached": func(srv *server.Server) { srv.MaxSessionsPerAddress = 1 },
	} {
		t.Run(want, func(t *testing.T) {
			r, j := new(refusals), new(journal)
			ts := start(t, limit, func(srv *server.Server) {
				srv.Hooks = &server.Hooks{
					Refuse:     r.add,
					Connect:    func(server.SessionInfo) { j.add("connect") },
					Disconnect: func(server.SessionInfo, error) { j.add("disconnect") },
				}
			})
			ts.dial(t)
			c := ts.connect(t)
			c.expect(421)
			x := r.last(t, 1)
			require.ErrorIs(t, x.Err, server.ErrTooManySessions)
			require.ErrorContains(t, x.Err, want)
			require.Equal(t, want, x.Limit+" is reached")
			require.Equal(t, []string{c.Conn.LocalAddr().String(), ts.Addr}, []string{x.Peer.String(), x.Local.String()})
			implicit := newClient(t, dialTCP(t, ts.ImplicitAddr), ts.Config)
			_, err := implicit.ReadLine()
			require.Error(t, err) // nothing is sent in clear on a port for TLS
			require.Equal(t, ts.ImplicitAddr, r.last(t, 2).Local.String())
			require.Equal(t, []string{"connect"}, j.all())
		})
	}
}

// banning is a listener that closes the first connection and reports it by
// Server.Refused.
type banning struct {
	net.Listener
	refused func(net.Conn, error)
	once    sync.Once
}

var errBanned = errors.New("banned")

func (b *banning) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	b.once.Do(func() {
		conn.Close()
		b.refused(conn, errBanned)
	})
	return conn, nil
}

// The hook Refuse hears of connections that a listener refuses, too. A panic of the
// hook ends nothing.
func TestRefusedByListener(t *testing.T) {
	r := new(refusals)
	ts := start(t, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Refuse: func(x server.Refusal) { r.add(x); panic("refuse") }}
	})
	addr := ts.listen(t, func(ln net.Listener) error {
		return ts.Serve(&banning{Listener: ln, refused: ts.Refused})
	})
	c := newClient(t, dialTCP(t, addr), nil)
	_, err := c.ReadLine()
	require.Error(t, err)
	x := r.last(t, 1)
	require.Equal(t, []any{errBanned, c.Conn.LocalAddr().String(), addr}, []any{x.Err, x.Peer.String(), x.Local.String()})
	newClient(t, dialTCP(t, addr), nil).expect(220)
	require.Contains(t, ts.Log.String(), "value=refuse")
}

// A handshake that fails is the end of a session, and Disconnect is told
// ErrHandshake.
func TestFailedHandshakeIsTold(t *testing.T) {
	ends := make(chan error, 1)
	ts := start(t, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Disconnect: func(_ server.SessionInfo, err error) { ends <- err }}
	})
	conn := dialTCP(t, ts.ImplicitAddr)
	_, err := conn.Write([]byte("USER alice\r\n"))
	require.NoError(t, err)
	fails := func() {
		t.Helper()
		err := <-ends
		require.ErrorIs(t, err, server.ErrHandshake)
		require.NotContains(t, err.Error(), "TLS handshake: ")
		require.NotContains(t, ts.Log.String(), `err="TLS handshake`)
	}
	fails()

	c := ts.dial(t)
	c.cmd(234, "AUTH TLS")
	c.write("not TLS, not at all\r\n")
	fails()
}
