//go:build unix

package server_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A program wraps the connections of its listener, and sets options by File and Fd,
// which makes the descriptor block: no deadline ends a read then, and Close waits for
// the read. Shutdown still keeps the deadline of its context, and nobody waits for
// such a session. If the server finds the TCP connection below the wrapper, the
// session ends with Shutdown.
func TestShutdownBesideBlockingDescriptors(t *testing.T) {
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"behind NetConn": func(conn net.Conn) net.Conn { return throughNetConn{conn} },
		"hidden":         func(conn net.Conn) net.Conn { return struct{ net.Conn }{conn} },
	} {
		t.Run(name, func(t *testing.T) {
			ts := start(t)
			ln := &blockingListener{Listener: loopback(t), wrap: wrap}
			addr := ts.listenOn(t, ln, ts.Serve)
			c := newClient(t, dialTCP(t, addr), ts.Config)
			c.expect(220)
			ln.block(t)
			c.cmd(200, "NOOP") // the reads after this one block
			time.Sleep(50 * time.Millisecond)

			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			returned := make(chan error, 1)
			go func() { returned <- ts.Shutdown(ctx) }()
			select {
			case <-returned: // the error depends on how fast the session ended
			case <-time.After(patience):
				c.Conn.Close() // lets everything go
				t.Fatal("Shutdown goes beyond its context")
			}
			if name == "behind NetConn" {
				eventually(t, "the end of the session", func() bool { return len(ts.Sessions()) == 0 })
			}
			c.Conn.Close()
			eventually(t, "the end of the session", func() bool { return len(ts.Sessions()) == 0 })
		})
	}
}

type throughNetConn struct{ net.Conn }

func (c throughNetConn) NetConn() net.Conn { return c.Conn }

// blockingListener hands wrapped connections over and makes their descriptors block.
type blockingListener struct {
	net.Listener
	wrap func(net.Conn) net.Conn

	mu  sync.Mutex
	all []*net.TCPConn
}

func (l *blockingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, conn.(*net.TCPConn))
	return l.wrap(conn), nil
}

func (l *blockingListener) block(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.all {
		f, err := conn.File()
		require.NoError(t, err)
		t.Cleanup(func() { f.Close() })
		f.Fd()
	}
}
