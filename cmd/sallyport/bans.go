package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/networks"
	"github.com/sallyport/sallyport/server"
)

const (
	// mostBans bounds the bans in force at once. A further one drops the oldest automatic ban.
	mostBans = 10000
	// mostSuspects bounds the addresses whose failures are counted. A further one drops the address that was quiet for
	// longest.
	mostSuspects = 10000
	// mostFailures bounds ban-after.
	mostFailures = 1000
)

// banRules are the options about bans that the server imposes by itself.
type banRules struct {
	after          int // failures; 0 for never
	window, period time.Duration
	never          []netip.Prefix
}

var defaultBans = banRules{window: 10 * time.Minute, period: time.Hour}

// addNeverBanned reads networks and addresses, separated by commas.
func (s *settings) addNeverBanned(text string) error {
	for piece := range strings.SplitSeq(text, ",") {
		prefix, err := networks.Parse(strings.TrimSpace(piece))
		if err != nil {
			return err
		}
		s.bans.never = append(s.bans.never, prefix)
	}
	return nil
}

// checkBans reports what is wrong with the options of bans.
func (m *mistakes) checkBans(s *settings) {
	if s.bans.after > mostFailures {
		m.say("%s: %d is too many to count for each address; want %d at most", s.head("ban-after"), s.bans.after, mostFailures)
	}
	if s.bans.after > 0 && s.bans.window == 0 {
		m.say("%s: nothing happens within 0s; want 10m, say", s.head("ban-window"))
	}
	if s.bans.after > 0 && s.bans.period == 0 {
		m.say("%s: a ban of 0s is none; want 1h, say, or leave out %s", s.head("ban-for"), s.at("ban-after"))
	}
}

// automatic returns the rules for automatic bans. With the option shared-address there are none, since one address
// then stands for everybody.
func (s *settings) automatic() banRules {
	rules := s.bans
	if s.shared {
		rules.after = 0
	}
	return rules
}

// ban is a network whose connections are refused.
type ban struct {
	Network   netip.Prefix `json:"network"`
	Since     time.Time    `json:"since"`
	Until     *time.Time   `json:"until"` // null for ever
	Reason    string       `json:"reason"`
	Automatic bool         `json:"automatic"`
	By        string       `json:"by"` // who asked for it; empty for automatic ones
}

func (b *ban) isOver(now time.Time) bool { return b.Until != nil && !now.Before(*b.Until) }

// errBanned is the reason for which a connection is refused.
var errBanned = errors.New("the address is banned")

// bannedWords is the text of the reply to clients whose sessions a ban ends.
const bannedWords = "This address may not connect."

// bans holds the banned networks, and the failures of addresses that may be banned. Its methods may be called
// concurrently.
type bans struct {
	log    *slog.Logger
	tell   func(ban)                                 // writes a ban to the audit log
	end    func(match func(server.SessionInfo) bool) // ends sessions without waiting until they are over
	newest func() bool                               // reports whether this process counts failures, and not another
	pass   func(failures []failures)                 // has the process that counts failures count these
	others func(network netip.Prefix)                // ends the sessions of other engines that a ban covers and that are not logged in
	state  *banState                                 // keeps bans over a restart; nil if none are kept

	mu       sync.Mutex
	rules    banRules
	banned   map[netip.Prefix]ban
	suspects map[netip.Prefix][]time.Time // times of the failures, the oldest first
}

func newBans(log *slog.Logger, rules banRules) *bans {
	return &bans{log: log, rules: rules, banned: map[netip.Prefix]ban{}, suspects: map[netip.Prefix][]time.Time{}}
}

// openBans sets bans up and reads the bans that an earlier run has kept.
func (d *daemon) openBans() error {
	d.makeBans()
	if d.settings.bans.after > 0 && d.shared {
		d.log.Warn("there are no automatic bans: one address hides all clients", "option", d.at("shared-address"))
	}
	return d.openState()
}

// makeBans sets bans up, to end sessions of the server.
func (d *daemon) makeBans() {
	d.bans = newBans(d.log, d.automatic())
	d.bans.tell = func(b ban) { d.audit.banned(b) }
	d.bans.newest = func() bool { return !d.retired.Load() }
	d.bans.pass = func(all []failures) { go d.others(context.Background(), engineRequest{Failures: all}) }
	d.bans.others = func(network netip.Prefix) {
		go d.others(context.Background(), engineRequest{Ban: &network, Waiting: true})
	}
	d.bans.end = func(match func(server.SessionInfo) bool) {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), kickGrace)
			defer cancel()
			d.srv.DisconnectFunc(ctx, match, bannedWords)
		}()
	}
}

// follow replaces the rules of automatic bans.
func (b *bans) follow(rules banRules) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rules = rules
}

// guard returns a listener that closes connections from banned addresses at once.
func (d *daemon) guard(ln net.Listener, implicit bool) net.Listener {
	return &guardedListener{ln, d, implicit}
}

type guardedListener struct {
	net.Listener
	d        *daemon
	implicit bool // TLS comes first
}

// Accept returns the next connection from an address that isn't banned and that the rules of TCP wrappers let in.
func (g *guardedListener) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return conn, err
		}
		peer, err := netip.ParseAddrPort(conn.RemoteAddr().String()) // a proxy listener's addresses are of another type
		switch {
		case err != nil:
			return conn, nil
		case g.d.bans.holds(peer.Addr()):
		case g.d.turnAway(conn, peer.Addr(), g.implicit):
			continue
		default:
			return conn, nil
		}
		conn.Close()
		g.d.srv.Refused(conn, errBanned)
	}
}

// holds reports whether an address is banned.
func (b *bans) holds(addr netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, found := b.find(addr, time.Now())
	return found
}

// plainAddr returns an address in the form that bans use: IPv4 unmapped, and without a zone.
func plainAddr(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

// find returns the widest ban that holds for an address. The caller holds mu.
func (b *bans) find(addr netip.Addr, now time.Time) (ban, bool) {
	addr = plainAddr(addr)
	if len(b.banned) == 0 || b.spares(addr) {
		return ban{}, false
	}
	for bits := range addr.BitLen() + 1 {
		network, err := addr.Prefix(bits)
		if err != nil {
			break
		}
		found, ok := b.banned[network]
		if ok && found.isOver(now) {
			delete(b.banned, network)
		} else if ok {
			return found, true
		}
	}
	return ban{}, false
}

// spares reports whether ban-never has an address. The caller holds mu.
func (b *bans) spares(addr netip.Addr) bool {
	return slices.ContainsFunc(b.rules.never, func(p netip.Prefix) bool { return networks.Contains(p, addr) })
}

// suspect returns the network by which failures are counted: the IPv4 address, or the /64 of the IPv6 address, since a
// single client can have all addresses of a /64.
func suspect(addr netip.Addr) netip.Prefix {
	addr = plainAddr(addr)
	network, _ := addr.Prefix(min(addr.BitLen(), 64))
	return network
}

// connected ends a session whose address was banned while the session began.
func (b *bans) connected(s server.SessionInfo) {
	if b.holds(s.Peer.Addr()) {
		b.end(func(other server.SessionInfo) bool { return other.ID == s.ID })
	}
}

// login counts a login with wrong credentials.
func (b *bans) login(l server.Login) {
	if errors.Is(l.Err, driver.ErrLogin) {
		b.failed(l.Session.Peer.Addr())
	}
}

// refused counts a connection that was refused since its address has too many sessions.
func (b *bans) refused(r server.Refusal) {
	if r.Limit == "MaxSessionsPerAddress" {
		b.failed(r.Peer.Addr())
	}
}

// failed counts a failure of an address. If there are enough to ban the address, failed also ends the sessions of the
// banned network that are not logged in, of all engines.
func (b *bans) failed(addr netip.Addr) {
	now := time.Now()
	if !b.newest() {
		b.pass([]failures{{suspect(addr), []time.Time{now}}})
		return
	}
	b.counted(b.count(addr, now))
}

// counted deals with a ban that count has made, if ok.
func (b *bans) counted(made ban, ok bool) {
	if !ok {
		return
	}
	b.log.Warn("an address was banned", "network", made.Network, "until", made.Until, "reason", made.Reason)
	b.tell(made)
	b.state.saveSoon()
	b.end(func(s server.SessionInfo) bool {
		return s.LoggedIn.IsZero() && networks.Contains(made.Network, s.Peer.Addr())
	})
	b.others(made.Network)
}

// count counts a failure, and returns the ban if the failure was one too many.
func (b *bans) count(addr netip.Addr, now time.Time) (made ban, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, banned := b.find(addr, now); banned || b.rules.after == 0 || !addr.IsValid() || b.spares(plainAddr(addr)) {
		return ban{}, false
	}
	network := suspect(addr)
	failures := append(slices.DeleteFunc(b.suspects[network], func(t time.Time) bool { return now.Sub(t) > b.rules.window }), now)
	slices.SortFunc(failures, time.Time.Compare) // other processes tell theirs later
	b.suspects[network] = failures
	if len(failures) < b.rules.after {
		b.forgetSuspects(now)
		return ban{}, false
	}
	delete(b.suspects, network)
	until := now.Add(b.rules.period).Round(0)
	made = ban{
		Network: network, Since: now.Round(0), Until: &until, Automatic: true,
		Reason: fmt.Sprintf("%d refused logins or connections within %v", len(failures), b.rules.window),
	}
	b.banned[network] = made
	b.forgetBans(now)
	_, ok = b.banned[network]
	return made, ok
}

// failures are the times at which logins or connections from a network were refused.
type failures struct {
	Network netip.Prefix
	Times   []time.Time
}

// handOver passes the failures counted so far on to another process, which counts them from now on.
func (b *bans) handOver() {
	b.mu.Lock()
	var all []failures
	for network, times := range b.suspects {
		all = append(all, failures{network, times})
	}
	clear(b.suspects)
	b.mu.Unlock()
	if len(all) > 0 {
		b.pass(all)
	}
}

// failedElsewhere counts failures that another process has noticed.
func (b *bans) failedElsewhere(f failures) {
	now := time.Now()
	for _, at := range f.Times[:min(len(f.Times), mostFailures)] {
		if at.After(now) {
			at = now
		}
		b.counted(b.count(f.Network.Addr(), at))
	}
}

// forgetSuspects drops suspects beyond mostSuspects. The caller holds mu.
func (b *bans) forgetSuspects(now time.Time) {
	if len(b.suspects) <= mostSuspects {
		return
	}
	var quiet netip.Prefix
	var since time.Time
	for network, failures := range b.suspects {
		last := failures[len(failures)-1]
		if now.Sub(last) > b.rules.window {
			delete(b.suspects, network)
		} else if !quiet.IsValid() || last.Before(since) {
			quiet, since = network, last
		}
	}
	if len(b.suspects) > mostSuspects {
		delete(b.suspects, quiet)
	}
}

// forgetBans drops bans that are over, and the oldest automatic ones beyond mostBans. The caller holds mu.
func (b *bans) forgetBans(now time.Time) {
	if len(b.banned) <= mostBans {
		return
	}
	maps.DeleteFunc(b.banned, func(_ netip.Prefix, x ban) bool { return x.isOver(now) })
	for len(b.banned) > mostBans {
		var oldest ban
		for _, x := range b.banned {
			if x.Automatic && (!oldest.Network.IsValid() || x.Since.Before(oldest.Since)) {
				oldest = x
			}
		}
		if !oldest.Network.IsValid() {
			return
		}
		delete(b.banned, oldest.Network)
	}
}

// list returns the bans in force, the oldest first.
func (b *bans) list() []ban {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(b.banned, func(_ netip.Prefix, x ban) bool { return x.isOver(now) })
	all := slices.AppendSeq([]ban{}, maps.Values(b.banned))
	slices.SortFunc(all, func(x, y ban) int {
		if c := x.Since.Compare(y.Since); c != 0 {
			return c
		}
		return x.Network.Compare(y.Network)
	})
	return all
}

// add bans a network by hand, or replaces its ban.
func (b *bans) add(x ban) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, never := range b.rules.never {
		if never.Bits() <= x.Network.Bits() && networks.Contains(never, x.Network.Addr()) {
			return fmt.Errorf("ban-never has %v, in which %v is", never, x.Network)
		}
	}
	_, there := b.banned[x.Network]
	if !there && len(b.banned) >= mostBans {
		b.banned[x.Network] = x
		b.forgetBans(time.Now())
		if len(b.banned) > mostBans {
			delete(b.banned, x.Network)
			return fmt.Errorf("there are %d bans by hand already, which is the most; lift some", mostBans)
		}
	}
	b.banned[x.Network] = x
	return nil
}

// covers reports whether a ban of the network would hold for an address.
func (b *bans) covers(network netip.Prefix, addr netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return networks.Contains(network, addr) && !b.spares(plainAddr(addr))
}

// lift ends the ban of a network. For an IPv6 address lift also ends the automatic ban of the address's network of 64
// bits. left is the network of a wider ban that still holds for the address, if there is one.
func (b *bans) lift(network netip.Prefix) (lifted []ban, left netip.Prefix) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	around := suspect(network.Addr())
	delete(b.suspects, around)
	for _, p := range []netip.Prefix{network, around} {
		x, ok := b.banned[p]
		if !ok || p != network && (!network.IsSingleIP() || !x.Automatic) {
			continue
		}
		delete(b.banned, p)
		if !x.isOver(now) {
			lifted = append(lifted, x)
		}
	}
	if wider, ok := b.find(network.Addr(), now); ok && wider.Network.Bits() <= network.Bits() {
		left = wider.Network
	}
	return lifted, left
}
