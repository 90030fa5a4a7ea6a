package passive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/internal/nopanic"
)

// What the zero values of Ports stand for.
const (
	defaultTTL  = 30 * time.Second
	defaultWait = 10 * time.Second
	defaultIdle = 5 * time.Second
)

var (
	// ErrBusy is returned by [Ports.Lease] when every port still had an unconnected lease of that client address
	// after [Ports.Wait]. The FTP answer is 425.
	ErrBusy = errors.New("passive: every port is waiting for a connection of this client already")
	// ErrExpired is returned by [Lease.Accept] when no connection came within [Ports.TTL].
	ErrExpired = errors.New("passive: no data connection came in time")
	// ErrClosed is returned by a lease that was closed, or whose connection was taken before, and by closed Ports.
	ErrClosed = errors.New("passive: closed")
	// ErrAmbiguous is returned by [Lease.Accept] when connections came that prove nothing and may be anybody's: at most
	// one of them is the client's, so none gets the data. The FTP answer is 425.
	ErrAmbiguous = errors.New("passive: several connections from the client's address, and none proves whose it is")
	// ErrRetired is the [ErrAmbiguous] of a lease that gave way to others of its address before its transfer was asked
	// for: only proof would have served it. The FTP answer is 425.
	ErrRetired = fmt.Errorf("%w (the lease was not used for seconds, and others of the address waited)", ErrAmbiguous)
	// ErrUnproven is returned by [Lease.Accept] when connections came, had to prove that they are the session's, and
	// none did. The FTP answer is 522 where every data connection has to prove it, and 425 elsewhere.
	ErrUnproven = errors.New("passive: no data connection proved that it is the session's")
	// ErrGone is returned by [Lease.Accept] when a connection came, went, stayed silent or failed in its handshake, and
	// no other followed: at the end of the lease's time if the connection went without a word.
	ErrGone = errors.New("passive: the data connection came and went")
	// ErrForeign is returned by [Lease.Accept] when only a connection came that claims to be another session's.
	ErrForeign = errors.New("passive: the data connection claims to be another session's")
)

// Ports is the set of ports a server takes data connections on, and the table of leases on them. [Range] makes one;
// the zero Ports is what [Any] returns. The fields are options: set them before the first use and leave them alone
// afterwards. All methods may be called concurrently. A Ports must not be copied.
//
// Any number of servers and listeners may share one Ports; whoever made it closes it, when the last of them has ended.
// Two Ports must not share a port on one address.
type Ports struct {
	// Announce decides the address clients are told to connect to. Nil is the address the client dialled, which is
	// right unless a NAT lies in between.
	Announce Announcer
	// Offset is added to the listened port in what clients are told, for a port forwarder that maps the ports to
	// other numbers. The sum must stay within 1 to 65535. An Announce that is a [PortMapper], such as [Rules], adds
	// more for each client.
	Offset int
	// TTL is how long a lease waits for its connection. 0 is 30 seconds.
	TTL time.Duration
	// Wait is how long the queue of a client address may stand still (get no data connection) before [Ports.Lease]
	// returns [ErrBusy] to those in it. Where a lease is about to give way unused, Lease waits up to twice that, 5
	// seconds longer at most. In a queue that moves, Lease waits a minute at most, or Wait if that is longer. 0 is 10
	// seconds; negative is not at all.
	Wait time.Duration
	// Idle is how long a port stays open without a lease. 0 is 5 seconds; negative closes it at once.
	Idle time.Duration
	// InsecureAnyPeer lets anybody who is first take a data connection: the address is not compared. It is for
	// proxies that hide the client's address, and leaves only TLS to tell a thief from the client (vsftpd calls it
	// pasv_promiscuous). A port then serves one lease at a time, whoever the client is.
	InsecureAnyPeer bool
	// StrictPeer refuses a connection from another address than the control connection's even with proof. Otherwise
	// a client with several uplinks, or behind a NAT with several addresses, is served when it proves itself.
	StrictPeer bool
	// Listen opens a port; network is tcp, tcp4 or tcp6, and the context is for the opening alone. Nil is
	// [net.ListenConfig.Listen] without MPTCP. The connections accepted must know their RemoteAddr without blocking:
	// a PROXY header, say, has to be read before Accept returns. Closing the listener must end its Accept.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	// Logger hears of strangers and of ports that cannot be opened. Nil is the [Request.Logger] of the leases
	// concerned.
	Logger *slog.Logger

	set portSet // empty: the system chooses

	mu             sync.Mutex
	closed         bool
	elsewhere      Table // makes the leases; nil for this table
	doors          map[slot]*door
	closing        map[slot]*door // shut, with listeners still to be closed
	queues         map[peer]*queue
	numbers        uint64              // of leases and candidates, in order
	dirty          []*group            // for the rule to judge before mu is released
	refused        []net.Conn          // to be closed when mu is released
	later          []func()            // to be run when mu is released
	arrived        map[*Lease]struct{} // connected, not yet taken
	bad            map[slot]failure    // could not be opened lately
	recent         recents[peerSlot]
	recentSessions recents[sessionSlot]
	mixers         mixers
	strikes        strikes[netip.Prefix]
	sessionStrikes strikes[identity]
	alive          context.Context // see life; nil until life is called
	kill           context.CancelCauseFunc
	known          facts // reused by each settle, as are judged, waiting and verdict
	judged         []*Lease
	waiting        []*candidate
	verdict        verdict
	stats          Stats
	logs           [3]loglimit.Share // of strangers at a door with one lease, other strangers, accept errors
	running        sync.WaitGroup    // acceptors, and calls of Listen
}

// Range makes Ports of a list of ports and ranges, where an exclamation mark takes ports out again:
// "21000-21010", "21000,21002-21005", "21000-21010,!21005". Blanks around the parts are allowed. The text "any" is
// [Any]. The error names every piece that is wrong and what would be right; in particular a reversed range is an
// error, never a wider one.
func Range(set string) (*Ports, error) {
	if strings.TrimSpace(set) == anyText {
		return Any(), nil
	}
	s, err := parseSet(set)
	if err != nil {
		return nil, err
	}
	return &Ports{set: s}, nil
}

// Any makes Ports that the system chooses, which no firewall rule can name: it is for tests and for hosts without a
// firewall. Clients share one listener where they can, so the port is the same for a while; further ones open when
// one client address has several unconnected leases.
func Any() *Ports { return new(Ports) }

// String returns the set in the form [Range] reads: ascending, without overlaps, exclusions applied, such as
// "21000-21004,21006-21010". It is "any" for ports the system chooses.
func (p *Ports) String() string { return p.set.String() }

// Numbers yields the ports of the set in ascending order, and none when the system chooses.
func (p *Ports) Numbers() iter.Seq[uint16] { return p.set.all() }

// Len returns the number of ports in the set, 0 when the system chooses.
func (p *Ports) Len() int { return p.set.size() }

// Validate reports everything that is wrong with the fields and can be found without the network.
func (p *Ports) Validate() error {
	var errs []error
	if p.TTL < 0 {
		errs = append(errs, fmt.Errorf("passive: TTL is %v; want a positive duration, or 0 for %v", p.TTL, defaultTTL))
	}
	return errors.Join(append(errs, p.ValidateAnnouncer(p.Announce))...)
}

// Close ends every lease, waiting call and listener, closes the connections nobody took, and returns when the ports
// are free again; a call of Listen going on has its context cancelled. Connections already taken are not touched.
// Later calls of Lease return [ErrClosed].
func (p *Ports) Close() error {
	var shut []*door
	var conns []net.Conn
	p.mu.Lock()
	p.closed = true
	for _, d := range p.doors {
		for _, g := range d.groups {
			for _, l := range slices.Clone(g.leases) {
				p.end(l, ErrClosed)
			}
		}
		if p.shut(d) != nil {
			shut = append(shut, d)
		}
	}
	for who := range p.queues {
		p.dismiss(who)
	}
	for l := range p.arrived {
		conns = append(conns, p.drop(l))
	}
	if p.kill != nil {
		p.kill(ErrClosed)
	}
	p.unlock()

	var errs []error
	for _, d := range shut {
		errs = append(errs, d.free(d.ln))
	}
	for _, c := range conns {
		quietly(c)
	}
	p.running.Wait()
	return errors.Join(errs...)
}

// systemChooses reports whether the ports are those of Any.
func (p *Ports) systemChooses() bool { return len(p.set) == 0 }

func (p *Ports) ttl() time.Duration { return or(p.TTL, defaultTTL) }

func (p *Ports) idle() time.Duration { return or(p.Idle, defaultIdle) }

func (p *Ports) wait() time.Duration { return or(p.Wait, defaultWait) }

// log writes to p.Logger or, without one, to logger.
func (p *Ports) log(ctx context.Context, logger *slog.Logger, level slog.Level, msg string, args ...any) {
	if logger = cmp.Or(p.Logger, logger); logger != nil {
		_ = nopanic.Do("the Logger", func() error { // a panic of the logger could be told to nobody
			logger.Log(ctx, level, msg, args...)
			return nil
		})
	}
}

// or returns d, or def if d is zero.
func or(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return d
}
