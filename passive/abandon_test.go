package passive

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/stretchr/testify/require"
)

// A client that fails before its transfer (a RETR of a file that is not there) leaves
// a connection behind that may not be accepted yet when the next lease begins. On
// another port that connection cannot be taken for the next lease's.
func TestAnyAvoidsAbandonedPort(t *testing.T) {
	p := Any()
	defer p.Close()
	first := lease(t, p, Request{Client: local, Local: local})
	dial(t, local, first.Port())
	first.Close()
	second := lease(t, p, Request{Client: local, Local: local})
	if p.Stats().Accepted == 0 {
		require.NotEqual(t, first.Port(), second.Port())
	}
	same(t, dial(t, local, second.Port()), accept(t, second))
}

// late is a listener on a machine with more to do: Accept returns a moment after the
// connection came.
type late struct{ net.Listener }

func (l late) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	time.Sleep(20 * time.Millisecond)
	return c, err
}

// Where there is no other port, the next lease is announced only when that connection
// has been turned away, also to a client that waited in the queue.
func TestAbandonedConnectionComesLate(t *testing.T) {
	p := ports(t, testenv.FreePortSet(t, 1))
	p.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
		ln, err := new(net.ListenConfig).Listen(ctx, network, address)
		return late{ln}, err
	}
	for range 5 {
		first := lease(t, p, ask(local))
		abandoned := dial(t, local, first.Port())
		first.Close()
		abandoned.Close()

		queued := make(chan *Lease, 1)
		second := lease(t, p, ask(local))
		go func() {
			l, _ := p.Lease(t.Context(), ask(local))
			queued <- l
		}()
		require.Eventually(t, func() bool { return p.Stats().Waiting == 1 }, time.Minute, time.Millisecond)
		abandoned = dial(t, local, second.Port())
		second.Close()
		abandoned.Close()

		third := <-queued
		same(t, dial(t, local, third.Port()), accept(t, third))
		second = lease(t, p, ask(local))
		same(t, dial(t, local, second.Port()), accept(t, second))
	}
}
