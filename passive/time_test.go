package passive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/memnet"
)

// since asserts how much time has passed, to the nanosecond.
func since(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	require.Equal(t, want, time.Since(start))
}

func TestTTL(t *testing.T) {
	for ttl, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p, net := memPorts(t, "21000")
			defer p.Close()
			p.TTL, p.Idle = ttl, time.Hour
			start := time.Now()
			l := lease(t, p, ask(alice))
			_, err := l.Accept(t.Context())
			require.ErrorIs(t, err, ErrExpired)
			since(t, start, want)
			quiet(t, p)
			require.EqualValues(t, 1, p.Stats().Expired)
			// A connection that comes too late is a stranger.
			_, server := net.dial(alice, 21000)
			synctest.Wait()
			require.EqualValues(t, 1, server.Closes())
			require.NoError(t, l.Close())
			_, err = l.Accept(t.Context())
			require.ErrorIs(t, err, ErrExpired)
		})
	}
}

// A connection stops the clock, whenever Accept comes.
func TestTTLEndsWithConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, net := memPorts(t, "21000")
		defer p.Close()
		l := lease(t, p, ask(alice))
		time.Sleep(30*time.Second - 1)
		_, server := net.dial(alice, 21000)
		time.Sleep(time.Hour)
		c, err := l.Accept(t.Context())
		require.NoError(t, err)
		require.Same(t, server, c)
		require.Zero(t, server.Closes())
		require.NoError(t, c.Close())
	})
}

func TestWait(t *testing.T) {
	for wait, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Second: time.Second, -1: 0} {
		synctest.Test(t, func(t *testing.T) {
			p, _ := memPorts(t, "21000-21001")
			defer p.Close()
			p.Wait = wait
			lease(t, p, ask(alice)).TransferStarting()
			lease(t, p, ask(alice)).TransferStarting()
			start := time.Now()
			_, err := p.Lease(t.Context(), ask(alice))
			require.ErrorIs(t, err, ErrBusy)
			since(t, start, want)
			require.EqualValues(t, 1, p.Stats().Busy)
			require.Zero(t, p.Stats().Waiting)
			lease(t, p, ask(bob))
			since(t, start, want)
		})
	}
}

func TestWaitContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := memPorts(t, "21000")
		defer p.Close()
		lease(t, p, ask(alice))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := p.Lease(ctx, ask(alice))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		since(t, start, 3*time.Second)
		require.Zero(t, p.Stats().Waiting)
		_, err = p.Lease(ctx, ask(bob))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Those who wait are served in order, by whatever ends a lease: a connection, a Close, and time.
func TestWaitInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, net := memPorts(t, "21000")
		defer p.Close()
		p.Wait = time.Hour
		holder := lease(t, p, ask(alice))
		type got struct {
			n int
			l *Lease
			d time.Duration
		}
		start := time.Now()
		served := make(chan got, 4)
		for i := range 4 {
			go func() {
				l, err := p.Lease(t.Context(), ask(alice))
				if err == nil {
					served <- got{i, l, time.Since(start)}
				}
			}()
			time.Sleep(time.Second)
		}
		require.Equal(t, 4, p.Stats().Waiting)
		other := lease(t, p, ask(bob))
		require.NoError(t, other.Close())
		require.Equal(t, 4, p.Stats().Waiting, "another client's port is none of theirs")

		net.dial(alice, 21000)
		first := <-served
		require.Equal(t, 0, first.n)
		require.Equal(t, 4*time.Second, first.d)
		time.Sleep(time.Second)
		require.NoError(t, first.l.Close())
		second := <-served
		require.Equal(t, 1, second.n)
		require.Equal(t, 5*time.Second+lateFor, second.d, "the first did not come to its port")
		second.l.TransferStarting()
		third := <-served
		require.Equal(t, 2, third.n)
		require.Equal(t, 35*time.Second+2*lateFor, third.d, "after the TTL of the second")
		third.l.TransferStarting()
		fourth := <-served
		require.Equal(t, 3, fourth.n)
		require.Equal(t, 65*time.Second+3*lateFor, fourth.d)
		require.NoError(t, fourth.l.Close())
		require.NoError(t, holder.Close())
		quiet(t, p)
	})
}

// A waiter who gives up just when a port is passed on to it either takes the port or passes it on.
func TestWaitGiveUpRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := memPorts(t, "21000")
		defer p.Close()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 100 {
			holder := lease(t, p, ask(alice))
			_, w, err := p.reserve(ask(alice), true)
			require.NoError(t, err)
			require.NoError(t, holder.Close())
			ctx := t.Context()
			if i%2 == 0 {
				ctx = ended
			}
			err = p.await(ctx, w, time.Now().Add(-time.Hour))
			if err == nil {
				require.NoError(t, w.got.Close())
			} else {
				require.ErrorIs(t, err, context.Canceled)
			}
			quiet(t, p)
		}
	})
}

func TestIdle(t *testing.T) {
	for idle, want := range map[time.Duration]time.Duration{0: 5 * time.Second, time.Minute: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p, net := memPorts(t, "21000")
			defer p.Close()
			p.Idle, p.TTL = idle, time.Hour
			for range 3 {
				l := lease(t, p, ask(alice))
				time.Sleep(want - 1)
				require.NoError(t, l.Close())
				time.Sleep(want - 1)
				require.Equal(t, 1, p.Stats().Listeners)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			require.Zero(t, p.Stats().Listeners)
			require.Nil(t, net.at(21000))
			require.Equal(t, 1, net.Opened())
			lease(t, p, ask(alice))
			require.Equal(t, 2, net.Opened())
		})
	}
	synctest.Test(t, func(t *testing.T) {
		p, net := memPorts(t, "21000")
		defer p.Close()
		p.Idle = -1
		require.NoError(t, lease(t, p, ask(alice)).Close())
		synctest.Wait()
		require.Nil(t, net.at(21000))
	})
}

// A port that something else holds is skipped, said once, and tried again later.
func TestForeignPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		p, net := memPorts(t, "21000-21001")
		defer p.Close()
		p.Logger, p.Wait = log.logger(), -1
		foreign := true
		tries := 0
		net.Fail = func(address string) error {
			if foreign && strings.HasSuffix(address, ":21001") {
				tries++
				return memnet.ErrInUse
			}
			return nil
		}
		for range 100 {
			l := lease(t, p, ask(alice))
			require.EqualValues(t, 21000, l.Port())
			require.NoError(t, l.Close())
		}
		require.Equal(t, 1, tries)
		time.Sleep(30 * time.Second)
		for range 100 {
			require.NoError(t, lease(t, p, ask(alice)).Close())
		}
		require.Equal(t, 2, tries)
		require.Len(t, log.lines(), 1)
		require.Contains(t, log.lines()[0], "port=21001 address=127.0.0.1")

		foreign = false
		time.Sleep(30 * time.Second)
		lease(t, p, ask(alice))
		lease(t, p, ask(alice))
		require.Equal(t, 2, p.Stats().Listeners)
	})
}

func TestNoPortToBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, net := memPorts(t, "21000-21002,21005")
		defer p.Close()
		net.Fail = func(string) error { return memnet.ErrInUse }
		start := time.Now()
		_, err := p.Lease(t.Context(), ask(alice))
		require.EqualError(t, err, "passive ports 21000-21002,21005 on 127.0.0.1: "+inUse)
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		since(t, start, 0)
		quiet(t, p)

		// What is no port's fault is said as it is, and not held against the ports.
		for _, errno := range []error{syscall.EMFILE, syscall.EADDRNOTAVAIL} {
			p, net := memPorts(t, "21000")
			net.Fail = func(string) error { return errno }
			_, err = p.Lease(t.Context(), ask(alice))
			require.ErrorIs(t, err, errno)
			net.Fail = nil
			lease(t, p, ask(alice))
			require.NoError(t, p.Close())
		}
		ports, net := memPorts(t, "any")
		defer ports.Close()
		net.Fail = func(string) error { return context.DeadlineExceeded }
		_, err = ports.Lease(t.Context(), ask(alice))
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// Where no port can be opened, each request tries one again, once: the reason may have gone.
func TestTriedAgainWithoutAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		p, mem := memPorts(t, "21000-21002")
		defer p.Close()
		p.Logger = log.logger()
		var tried []string
		mem.Fail = func(address string) error {
			tried = append(tried, address)
			return errors.New("no answer")
		}
		start := time.Now()
		for _, tries := range []int{3, 1, 1, 1} {
			tried = nil
			_, err := p.Lease(t.Context(), ask(alice))
			require.ErrorContains(t, err, "21000-21002 on 127.0.0.1: no answer")
			require.Len(t, tried, tries)
			time.Sleep(time.Second)
		}
		require.Len(t, log.lines(), 3, "each is said once")
		mem.Fail = nil
		lease(t, p, ask(alice))
		since(t, start, 4*time.Second)
	})
	// Requests that queue for the port do not try one by one.
	synctest.Test(t, func(t *testing.T) {
		p, mem := memPorts(t, "21000")
		defer p.Close()
		tries := 0
		p.Listen = func(context.Context, string, string) (net.Listener, error) {
			tries++
			time.Sleep(time.Second)
			return nil, errors.New("no answer")
		}
		start := time.Now()
		ended := make(chan error)
		for range 3 {
			go func() {
				_, err := p.Lease(t.Context(), ask(alice))
				ended <- err
			}()
		}
		for range 3 {
			require.ErrorContains(t, <-ended, "no answer")
		}
		since(t, start, time.Second)
		require.Equal(t, 1, tries)
		p.Listen = mem.Listen
		lease(t, p, ask(alice))
	})
}

// Ports that can't be opened are reported as such and at once, also to sessions that can prove themselves.
func TestUnopenableForWhoProves(t *testing.T) {
	for _, habit := range []ProofPolicy{Unlikely, Untested, Expected, Required} {
		synctest.Test(t, func(t *testing.T) {
			p, mem := memPorts(t, "21000-21002")
			defer p.Close()
			mem.Fail = func(string) error { return memnet.ErrInUse }
			r := ask(alice)
			r.Prover, r.Identity, r.Policy = new(teller), "session", habit
			start := time.Now()
			_, err := p.Lease(t.Context(), r)
			require.ErrorIs(t, err, syscall.EADDRINUSE, "%v", habit)
			since(t, start, 0)
			quiet(t, p)
		})
	}
}

// A Listen that panics is one that failed: nobody waits for its port.
func TestListenPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := memPorts(t, "21000-21001")
		defer p.Close()
		p.Listen = func(context.Context, string, string) (net.Listener, error) { panic("boom") }
		for range 2 {
			_, err := p.Lease(t.Context(), ask(alice))
			require.ErrorContains(t, err, "Listen panicked: boom")
		}
		quiet(t, p)
	})
}

// While one port is taken and the other cannot be opened, there is something to wait for.
func TestBusyAndForeign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, net := memPorts(t, "21000-21001")
		defer p.Close()
		net.Fail = func(address string) error {
			if strings.HasSuffix(address, ":21001") {
				return memnet.ErrInUse
			}
			return nil
		}
		l := lease(t, p, ask(alice))
		time.AfterFunc(time.Second, func() { l.Close() })
		start := time.Now()
		lease(t, p, ask(alice))
		since(t, start, time.Second+lateFor)
	})
}

// Opening may take its time. Who shares the port waits along, who gives up disturbs nobody, and who queues behind
// somebody who gives up tries for itself.
func TestSlowListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, mem := memPorts(t, "21000")
		defer p.Close()
		p.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
			select {
			case <-time.After(4 * time.Second):
				return mem.Listen(ctx, network, address)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		start := time.Now()
		results := make(chan string, 4)
		try := func(name string, r Request, patience time.Duration) {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				l, err := p.Lease(ctx, r)
				if err == nil && l.Port() != 21000 {
					err = errors.New("no port")
				}
				results <- fmt.Sprint(name, " ", time.Since(start), " ", err)
			}()
			synctest.Wait()
		}
		try("opener", ask(alice), time.Second)
		try("joiner", ask(bob), time.Hour)
		try("impatient", ask(eve), time.Second/2)
		try("queued", ask(eve), time.Hour)
		require.Equal(t, Stats{Leases: 3, Waiting: 1}, p.Stats())
		require.Equal(t, "impatient 500ms context deadline exceeded", <-results)
		require.Equal(t, "opener 1s context deadline exceeded", <-results)
		require.ElementsMatch(t, []string{"joiner 5s <nil>", "queued 5s <nil>"}, []string{<-results, <-results})
		require.Equal(t, 1, mem.Opened())
	})
}

// Closing while a port is being opened leaves nothing open, and does not wait for a Listen that heeds its context.
func TestCloseWhileOpening(t *testing.T) {
	for heeds, want := range map[bool]time.Duration{true: 0, false: time.Second} {
		synctest.Test(t, func(t *testing.T) {
			var log journal
			p, mem := memPorts(t, "21000")
			p.Logger = log.logger()
			p.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
				if heeds {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				time.Sleep(time.Second)
				return mem.Listen(ctx, network, address)
			}
			errs := make(chan error, 2)
			for _, client := range []netip.Addr{alice, bob} {
				go func() {
					_, err := p.Lease(t.Context(), ask(client))
					errs <- err
				}()
			}
			synctest.Wait()
			start := time.Now()
			require.NoError(t, p.Close())
			since(t, start, want)
			require.ErrorIs(t, <-errs, ErrClosed)
			require.ErrorIs(t, <-errs, ErrClosed)
			require.Nil(t, mem.at(21000))
			require.Equal(t, Stats{}, p.Stats())
			require.Empty(t, log.String())
		})
	}
}

// Running out of descriptors neither ends the acceptor nor makes it spin.
func TestAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		p, mem := memPorts(t, "21000")
		defer p.Close()
		p.TTL, p.Logger = time.Hour, log.logger()
		l := lease(t, p, ask(alice))
		ln := mem.at(21000)
		start := time.Now()
		for range 20 {
			ln.Errs <- syscall.EMFILE
		}
		mem.dial(alice, 21000)
		_, err := l.Accept(t.Context())
		require.NoError(t, err)
		// 5, 10, 20 ... 640 ms make 1.275 s, and then one second each for the other twelve.
		since(t, start, 13275*time.Millisecond)
		synctest.Wait() // until it accepts again
		require.EqualValues(t, 22, ln.Accepts.Load())
		require.Len(t, log.lines(), 10)

		ln.Errs <- io.ErrUnexpectedEOF
		synctest.Wait()
		start = time.Now()
		require.NoError(t, p.Close(), "a pause does not hold up closing")
		since(t, start, 0)
	})
}

// A listener that somebody else closed is replaced.
func TestListenerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, mem := memPorts(t, "21000")
		defer p.Close()
		lost := lease(t, p, ask(alice))
		mem.at(21000).Close()
		synctest.Wait()
		require.Zero(t, p.Stats().Listeners)
		l := lease(t, p, ask(alice))
		_, server := mem.dial(alice, 21000)
		c, err := l.Accept(t.Context())
		require.NoError(t, err)
		require.Same(t, server, c)
		_, err = lost.Accept(t.Context())
		require.ErrorIs(t, err, ErrExpired)
		quiet(t, p)
	})
}

// A storm of strangers writes ten lines a minute, and says how many there were.
func TestStrangerLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		p, mem := memPorts(t, "21000")
		defer p.Close()
		p.Logger, p.Idle, p.TTL = log.logger(), time.Hour, time.Hour
		require.NoError(t, lease(t, p, ask(alice)).Close())
		for range 1000 {
			mem.dial(eve, 21000)
			synctest.Wait()
		}
		require.Len(t, log.lines(), 10)
		require.EqualValues(t, 1000, p.Stats().Strangers)
		// The storm leaves room for the line that tells an operator what is going on.
		l := lease(t, p, Request{Client: alice, Local: local, Session: "s\r\n1"})
		mem.dial(bob, 21000)
		synctest.Wait()
		require.Len(t, log.lines(), 11)
		require.Contains(t, log.lines()[10], `from=127.0.0.3 expected=127.0.0.2 session="s\r\n1"`)
		require.NoError(t, l.Close())
		time.Sleep(time.Minute)
		mem.dial(eve, 21000)
		synctest.Wait()
		require.Contains(t, log.lines()[11], "unreported=990")
	})
}
