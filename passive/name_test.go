package passive

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// dns is a resolver under the test's control.
type dns struct {
	mu    sync.Mutex
	addrs []netip.Addr
	err   error
	takes time.Duration
	asked int
}

func (d *dns) lookup(ctx context.Context, network, host string) ([]netip.Addr, error) {
	d.mu.Lock()
	d.asked++
	takes, addrs, err := d.takes, d.addrs, d.err
	d.mu.Unlock()
	if network != "ip" || host != "ftp.example.com" {
		return nil, errors.New("unexpected question")
	}
	select {
	case <-time.After(takes):
		return addrs, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *dns) set(err error, addrs ...netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.addrs = err, addrs
}

func (d *dns) name() *Name { return &Name{Host: "ftp.example.com", Resolver: d.lookup} }

func announced(t *testing.T, a Announcer, client, local netip.Addr) netip.Addr {
	t.Helper()
	got, err := a.Announce(t.Context(), client, local)
	require.NoError(t, err)
	return got
}

func TestNameFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dns{addrs: []netip.Addr{public6, netip.MustParseAddr("::ffff:203.0.113.7"), netip.MustParseAddr("203.0.113.8")}}
		n := d.name()
		require.Equal(t, public4, announced(t, n, outside4, inside4))
		require.Equal(t, public4, announced(t, n, netip.MustParseAddr("::ffff:198.51.100.4"), inside4))
		require.Equal(t, public6, announced(t, n, outside6, inside6))
		require.Equal(t, "203.0.113.8", announced(t, n, outside4, netip.MustParseAddr("203.0.113.8")).String(), "the one dialled")
		require.Equal(t, 1, d.asked)

		d = dns{addrs: []netip.Addr{public4}}
		require.Equal(t, inside6, announced(t, d.name(), outside6, inside6))
		d = dns{addrs: []netip.Addr{public6}}
		_, err := d.name().Announce(t.Context(), outside4, inside4)
		require.EqualError(t, err, "passive: cannot announce ftp.example.com: it has no IPv4 address")
		d = dns{addrs: []netip.Addr{netip.MustParseAddr("0.0.0.0")}}
		_, err = d.name().Announce(t.Context(), outside4, inside4)
		require.ErrorContains(t, err, "no address that clients could use")
	})
}

// An aged answer is looked up when it is used, in the background, and not oftener.
func TestNameAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for ttl, want := range map[time.Duration]time.Duration{0: time.Minute, time.Second: time.Second} {
			next := netip.MustParseAddr("203.0.113.8")
			d := dns{addrs: []netip.Addr{public4}, takes: time.Second / 2}
			n := d.name()
			n.TTL = ttl
			start := time.Now()
			require.NoError(t, n.Check(t.Context()))
			since(t, start, time.Second/2)
			d.set(nil, next)
			time.Sleep(want - 1)
			require.Equal(t, public4, announced(t, n, outside4, inside4))
			time.Sleep(time.Nanosecond)
			start = time.Now()
			for range 10 {
				require.Equal(t, public4, announced(t, n, outside4, inside4))
			}
			since(t, start, 0)
			time.Sleep(time.Second / 2)
			synctest.Wait()
			require.Equal(t, next, announced(t, n, outside4, inside4))
			require.Equal(t, 2, d.asked)
		}
	})
}

// The last good answer stays while DNS fails, and DNS is asked again every five seconds of use.
func TestNameOutlivesDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := dns{addrs: []netip.Addr{public4}}
		n := d.name()
		require.NoError(t, n.Check(t.Context()))
		d.set(errors.New("down"))
		time.Sleep(time.Minute)
		for range 100 {
			require.Equal(t, public4, announced(t, n, outside4, inside4))
			synctest.Wait()
			time.Sleep(time.Second)
		}
		require.Equal(t, 1+20, d.asked)
		d.set(nil, netip.MustParseAddr("203.0.113.8"))
		announced(t, n, outside4, inside4)
		synctest.Wait()
		require.Equal(t, "203.0.113.8", announced(t, n, outside4, inside4).String())
	})
}

// As long as there is no answer, callers share a look-up and its error, and none is spoilt by one who leaves.
func TestNameNeverResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		d := dns{err: down, takes: 2 * time.Second}
		n := d.name()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		errs := make(chan error, 3)
		go func() {
			_, err := n.Announce(ctx, outside4, inside4)
			errs <- err
		}()
		synctest.Wait()
		for range 2 {
			go func() {
				_, err := n.Announce(t.Context(), outside4, inside4)
				errs <- err
			}()
		}
		require.ErrorIs(t, <-errs, context.DeadlineExceeded)
		for range 2 {
			err := <-errs
			require.ErrorIs(t, err, down)
			require.EqualError(t, err, "passive: cannot announce ftp.example.com: down")
		}
		require.Equal(t, 1, d.asked)

		// However many clients ask, DNS is not asked each time.
		d.set(nil, public4)
		start := time.Now()
		for range 100 {
			_, err := n.Announce(t.Context(), outside4, inside4)
			require.ErrorIs(t, err, down)
		}
		since(t, start, 0)
		require.Equal(t, 1, d.asked)
		time.Sleep(nameRetry)
		require.Equal(t, public4, announced(t, n, outside4, inside4))
		require.Equal(t, 2, d.asked)

		// A resolver that hangs is given up.
		d = dns{takes: time.Hour}
		start = time.Now()
		_, err := d.name().Announce(t.Context(), outside4, inside4)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		since(t, start, 10*time.Second)
	})
}

// A Resolver that panics, in a goroutine that nobody but Name knows of, is a look-up that failed.
func TestNameResolverPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &Name{Host: "ftp.example.com", Resolver: func(context.Context, string, string) ([]netip.Addr, error) { panic("boom") }}
		_, err := n.Announce(t.Context(), outside4, inside4)
		require.EqualError(t, err, "passive: cannot announce ftp.example.com: the Resolver panicked: boom")
	})
}

func TestNameValidate(t *testing.T) {
	require.NoError(t, (&Name{Host: "ftp.example.com"}).Validate())
	require.ErrorContains(t, (&Name{}).Validate(), "empty")
}

func TestNameOfThisHost(t *testing.T) {
	got, err := Address("localhost").Announce(t.Context(), alice, local)
	if err != nil {
		t.Skip("localhost has no address here: ", err)
	}
	require.True(t, got.IsLoopback())
}
