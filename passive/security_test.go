package passive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// SECURITY-CASES 4: knowing one port helps little to guess the next, however it was given back.
func TestPortsAreUnpredictable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, set := range []string{"21000-21010", "21000-21999"} {
			p, _ := memPorts(t, set)
			p.Idle = time.Hour
			followed := make(map[[2]uint16]int)
			count := make(map[uint16]int)
			steps, last := 0, uint16(0)
			for range 1000 {
				l, err := p.Lease(t.Context(), ask(alice))
				require.NoError(t, err)
				count[l.Port()]++
				followed[[2]uint16{last, l.Port()}]++
				if l.Port() == last+1 {
					steps++
				}
				last = l.Port()
				require.NoError(t, l.Close())
			}
			// With 11 ports each comes 91 times and follows each other one 8 times on average.
			require.Greater(t, len(count), min(p.Len(), 500)-1)
			require.Less(t, steps, 200)
			for pair, n := range followed {
				require.Less(t, n, 40, "%v", pair)
			}
			require.NoError(t, p.Close())
		}
	})
}

// SECURITY-CASES 24: squatters on every port, who ask for a transfer and never connect, delay nobody from another
// address. Clients behind the address of the squatters wait until the first squatter runs out.
func TestSquatting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, mem := memPorts(t, "21000-21010")
		defer p.Close()
		start := time.Now()
		for range 11 {
			lease(t, p, ask(eve)).TransferStarting()
		}
		l := lease(t, p, ask(alice))
		since(t, start, 0)
		_, server := mem.dial(alice, l.Port())
		c, err := l.Accept(t.Context())
		require.NoError(t, err)
		require.Same(t, server, c)

		_, err = p.Lease(t.Context(), ask(eve))
		require.ErrorIs(t, err, ErrBusy)
		since(t, start, 10*time.Second)
		time.Sleep(15 * time.Second)
		l = lease(t, p, ask(eve))
		since(t, start, 30*time.Second+lateFor)
		_, server = mem.dial(eve, l.Port())
		c, err = l.Accept(t.Context())
		require.NoError(t, err)
		require.Same(t, server, c)
	})
}

// SECURITY-CASES 25: connections that are gone before they are accepted, from strangers and from the owner.
func TestResetStorm(t *testing.T) {
	many(t)
	p := ports(t, testenv.FreePortSet(t, 1))
	storm := func(from netip.Addr, port uint16) {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					c, err := tryDial(from, port)
					if err != nil {
						continue // reset before connect returned
					}
					_ = c.(*net.TCPConn).SetLinger(0)
					c.Close()
				}
			})
		}
		wg.Wait()
	}
	l := lease(t, p, ask(alice))
	storm(eve, l.Port())
	client := dial(t, alice, l.Port())
	same(t, client, accept(t, l))
	require.Positive(t, p.Stats().Strangers)

	// The owner's storm uses up its own lease, and nothing else.
	l = lease(t, p, ask(alice))
	other := lease(t, p, ask(bob))
	storm(alice, l.Port())
	require.NoError(t, l.Close())
	client = dial(t, bob, other.Port())
	same(t, client, accept(t, other))
	require.Eventually(t, func() bool { return p.Stats().Leases == 0 }, 5*time.Second, time.Millisecond)
	quiet(t, p)
}

// Abandoned ports are avoided, but not so that the next one could be told.
func TestRecent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recents[peerSlot]
		s := func(n uint16) peerSlot { return peerSlot{slot{local, n}, alice} }
		now := time.Now()
		for n := range uint16(recentLimit + 10) {
			r.add(s(n), now)
			r.add(s(n), now)
		}
		require.Len(t, r.of, recentLimit)
		require.Equal(t, recentLimit, r.order.Len())
		require.False(t, r.has(s(9), now))
		require.True(t, r.has(s(10), now))
		require.False(t, r.has(s(10), now.Add(recentFor)))
		r.add(s(10), now)
		r.add(s(9), now)
		require.True(t, r.has(s(10), now), "what is added again is not the next to be forgotten")
		require.False(t, r.has(s(11), now))

		p, _ := memPorts(t, "21000-21009")
		defer p.Close()
		p.Idle, p.TTL = time.Hour, time.Second
		again := 0
		for range 500 {
			l := lease(t, p, ask(alice))
			port := l.Port()
			<-l.done
			l = lease(t, p, ask(alice))
			if l.Port() == port {
				again++
			}
			require.NoError(t, l.Close())
			time.Sleep(2 * recentFor)
		}
		// 1 in 100, where blind choice makes 1 in 10.
		require.Less(t, again, 20)
	})
}

// Sessions lease, connect, give up, expire and close all at once; nobody gets what is another's, and nothing is left.
func TestStress(t *testing.T) {
	many(t)
	p := ports(t, testenv.FreePortSet(t, 3))
	p.TTL, p.Wait, p.Idle = 20*time.Millisecond, 200*time.Millisecond, 5*time.Millisecond
	var wg sync.WaitGroup
	for worker := range 12 {
		wg.Go(func() {
			// Three workers share an address.
			client := netip.AddrFrom4([4]byte{127, 0, 1, byte(worker/3 + 1)})
			for range 60 {
				if err := stressOnce(t.Context(), p, client); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	quiet(t, p)
	s := p.Stats()
	require.GreaterOrEqual(t, s.Leased, s.Accepted+s.Expired)
	require.Positive(t, s.Accepted)
	require.Positive(t, s.Expired)
	require.Eventually(t, func() bool { return p.Stats().Listeners == 0 }, 5*time.Second, time.Millisecond)
}

func stressOnce(ctx context.Context, p *Ports, client netip.Addr) error {
	l, err := p.Lease(ctx, ask(client))
	if err == ErrBusy {
		return nil
	}
	if err != nil {
		return err
	}
	defer l.Close()
	from := client
	switch rand.IntN(6) {
	case 0: // expires
		if _, err := l.Accept(ctx); err == nil {
			return nil // a neighbour's late connection
		} else if err != ErrExpired {
			return err
		}
		return nil
	case 1: // another PASV
		return nil
	case 2: // closed while connecting
		go l.Close()
	case 3: // a stranger first
		from = eve
	}
	c, err := tryDial(from, l.Port())
	if err != nil {
		return nil // reset, for good reason
	}
	defer c.Close()
	s, err := l.Accept(ctx)
	if err != nil {
		return nil
	}
	defer s.Close()
	if got := addrOf(s.RemoteAddr()); got != client {
		return fmt.Errorf("%v was given a connection of %v", client, got)
	}
	return nil
}
