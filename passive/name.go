package passive

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/nopanic"
)

// Times of a look-up. A failed one is repeated sooner than a good one ages, but not at once.
const (
	nameTTL     = time.Minute
	nameRetry   = 5 * time.Second
	nameTimeout = 10 * time.Second
)

// Name announces the address that a DNS name has, for hosts whose public address changes. [Address] makes one; make it
// yourself to set the fields, and leave them alone after the first use. Its methods may be called concurrently.
//
// The name is looked up by [Ports.Check], or when it is first needed, and again in the background when it is used and
// the answer has aged. Callers share one look-up, and none waits for DNS once there was an answer: when DNS fails, the
// last good one stays. A name that never had one is looked up every five seconds at most; until then the error is the
// last look-up's. Among several addresses of the client's family the one it dialled is preferred, then the first.
type Name struct {
	// Host is the DNS name.
	Host string
	// TTL is the age at which an answer is looked up again. 0 is one minute.
	TTL time.Duration
	// Resolver looks up a name; network is always "ip", for both families. Nil is [net.Resolver.LookupNetIP] of
	// [net.DefaultResolver].
	Resolver func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu     sync.Mutex
	addrs  []netip.Addr // the last good answer
	failed error        // the last look-up's, nil if it succeeded
	due    time.Time    // when to look up again
	flight *lookup      // going on
}

// lookup is shared by everybody who wants the answer; err is set before done is closed.
type lookup struct {
	done chan struct{}
	err  error
}

// Announce returns an address of the client's family. It blocks, within ctx, only as long as the name was never
// resolved; the error then says why. If the name has no IPv6 address, an IPv6 client gets the address that it dialled,
// because 229, the answer to EPSV, carries none.
func (n *Name) Announce(ctx context.Context, client, local netip.Addr) (netip.Addr, error) {
	addrs, err := n.resolve(ctx)
	if err != nil {
		return netip.Addr{}, err
	}
	client, local = client.Unmap(), local.Unmap()
	var family []netip.Addr
	for _, a := range addrs {
		if !client.IsValid() || a.Is4() == client.Is4() {
			family = append(family, a)
		}
	}
	switch {
	case slices.Contains(family, local):
		return local, nil
	case len(family) > 0:
		return family[0], nil
	case client.Is4():
		return netip.Addr{}, fmt.Errorf("passive: cannot announce %s: it has no IPv4 address", n.Host)
	}
	return announce(ctx, nil, client, local)
}

// Validate reports a Host that cannot be a DNS name.
func (n *Name) Validate() error {
	if err := validHost(n.Host); err != nil {
		return invalid{n.Host, err}.Validate()
	}
	return nil
}

// Check looks the name up unless a lookup was done before.
func (n *Name) Check(ctx context.Context) error {
	_, err := n.resolve(ctx)
	return err
}

func (n *Name) String() string { return n.Host }

func (n *Name) resolve(ctx context.Context) ([]netip.Addr, error) {
	n.mu.Lock()
	addrs, flight := n.addrs, n.flight
	if flight == nil && !time.Now().Before(n.due) {
		flight = &lookup{done: make(chan struct{})}
		n.flight = flight
		go n.lookup(flight)
	}
	failed := n.failed
	n.mu.Unlock()
	switch {
	case addrs != nil:
		return addrs, nil
	case flight == nil:
		return nil, failed // a moment ago
	}
	select {
	case <-flight.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("passive: cannot announce %s: %w", n.Host, ctx.Err())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.addrs == nil {
		return nil, flight.err
	}
	return n.addrs, nil
}

// lookup looks the name up under a context of its own: the caller that began it may leave, and the others still get the
// answer.
func (n *Name) lookup(flight *lookup) {
	ctx, cancel := context.WithTimeout(context.Background(), nameTimeout)
	defer cancel()
	resolver := n.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver.LookupNetIP
	}
	answer, err := nopanic.Call("the Resolver", func() ([]netip.Addr, error) { return resolver(ctx, "ip", n.Host) })
	var addrs []netip.Addr
	for _, a := range answer {
		if a = a.Unmap(); announceable(a) == nil {
			addrs = append(addrs, a)
		}
	}
	ttl := or(n.TTL, nameTTL)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil && len(addrs) > 0:
		n.addrs, n.due = addrs, time.Now().Add(ttl)
	case err == nil:
		flight.err = fmt.Errorf("passive: cannot announce %s: the name has no address that clients could use", n.Host)
	default:
		flight.err = fmt.Errorf("passive: cannot announce %s: %w", n.Host, err)
	}
	if flight.err != nil {
		n.due = time.Now().Add(min(ttl, nameRetry))
	}
	n.flight, n.failed = nil, flight.err
	close(flight.done)
}
