package ftpstest

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/passive"
)

// dataPorts makes a set of n ports. The ports stay bound as long as the server
// runs, so that no other program, such as a test beside this one, gets one of
// them while no client waits for a connection.
func (s *Server) dataPorts(n int, host string) (*passive.Ports, error) {
	bound := make(map[string]*net.TCPListener)
	var numbers []string
	for range n {
		ln, err := tcp.Listen(context.Background(), "tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, err
		}
		s.release = append(s.release, ln.Close)
		_, port, err := net.SplitHostPort(ln.Addr().String())
		if err != nil {
			return nil, err
		}
		bound[port] = ln.(*net.TCPListener)
		numbers = append(numbers, port)
	}
	ports, err := passive.Range(strings.Join(numbers, ","))
	if err != nil {
		return nil, err
	}
	ports.Listen = func(_ context.Context, _, address string) (net.Listener, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		ln := bound[port]
		return &turn{TCPListener: ln}, ln.SetDeadline(time.Time{})
	}
	return ports, nil
}

// turn is a listener on a port that stays bound. A port has one turn at a time.
type turn struct {
	*net.TCPListener
	accepting sync.Mutex // held by Accept
	closed    atomic.Bool
}

// Accept implements net.Listener.
func (t *turn) Accept() (net.Conn, error) {
	t.accepting.Lock()
	defer t.accepting.Unlock()
	if t.closed.Load() {
		return nil, net.ErrClosed
	}
	conn, err := t.TCPListener.Accept()
	if err, ok := err.(net.Error); ok && err.Timeout() {
		return nil, net.ErrClosed
	}
	return conn, err
}

// Close ends Accept and leaves the port bound. Close waits until Accept has
// ended, or Accept would take a connection that is for the next turn.
func (t *turn) Close() error {
	if t.closed.Swap(true) {
		return nil
	}
	err := t.SetDeadline(time.Unix(1, 0))
	t.accepting.Lock()
	defer t.accepting.Unlock()
	return err
}
