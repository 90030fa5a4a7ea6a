package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport/sallyport/firewall"
)

// deal is a scenario to have rules rendered for.
type deal struct {
	name  string
	setup firewall.Setup
	data  string // as clients see the data ports
	// explicit and implicit are the control ports as clients see them.
	explicit, implicit int
}

// deals returns the scenario as most have it, and one where a port forwarder shows
// other numbers.
func deals() []deal {
	plain := deal{data: elevenPorts, explicit: 21, implicit: 990, setup: firewall.Setup{
		Server:   []netip.Addr{netip.MustParseAddr(serverV4), netip.MustParseAddr(serverV6)},
		Public:   []netip.Addr{netip.MustParseAddr(publicV4)},
		Clients:  []netip.Prefix{netip.MustParsePrefix(officeV4 + "/32"), netip.MustParsePrefix("2001:db8:1::/64")},
		Inside:   []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24")},
		Explicit: []uint16{21},
		Implicit: []uint16{990},
		Data:     elevenPorts,
	}}
	renumbered := plain
	renumbered.name, renumbered.data = " with other ports outside", "31000-31010"
	renumbered.explicit, renumbered.implicit = 2121, 9990
	renumbered.setup.External = map[uint16]uint16{21: 2121, 990: 9990}
	renumbered.setup.DataOffset = 10000
	return []deal{plain, renumbered}
}

// url returns where a client finds the server.
func (d deal) url(addr string, what firewall.Purpose) string {
	if what == firewall.ControlImplicit {
		return fmt.Sprintf("ftps://%s:%d", bracketed(addr), d.implicit)
	}
	return fmt.Sprintf("ftp://%s:%d", bracketed(addr), d.explicit)
}

func (d deal) control() string { return fmt.Sprintf("%d, %d", d.explicit, d.implicit) }

// options returns the options of the server.
func (d deal) options() serverOptions {
	return serverOptions{Data: d.setup.Data, Offset: d.setup.DataOffset, Announce: publicV4}
}

func (d deal) render(t *testing.T, kind firewall.Kind, side firewall.Side) string {
	t.Helper()
	rules, err := firewall.Render(kind, side, d.setup)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// on tells which host has which firewall.
var on = map[firewall.Side]string{firewall.Server: "server", firewall.Border: "vendor", firewall.Client: "office"}

// kinds holds the kinds of firewalls whose rules can be loaded here, and how.
var kinds = map[firewall.Kind]func(w *world, host, rules string){
	"nftables": (*world).nft,
	"iptables": (*world).iptables,
}

// generated plays the scenario with the rules of package firewall.
func generated(t *testing.T, tab *table) {
	play := func(kind firewall.Kind, d deal, who string, f func(*scene)) {
		what := fmt.Sprintf("generated %s%s, %s", kind, d.name, who)
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f(&scene{world: newWorld(t), t: t, tab: tab, what: what, data: d.data})
		})
	}
	for _, d := range deals() {
		for kind := range kinds {
			play(kind, d, "all three at once", func(s *scene) { allThree(s, kind, d) })
			for side, host := range on {
				if d.name != "" && side != firewall.Border {
					continue // the same rules as without it, but for the numbers
				}
				play(kind, d, host+" alone, rule by rule", func(s *scene) { ruleByRule(s, kind, side, d) })
			}
		}
	}
}

// allThree loads the rules on all three hosts, and asserts that whatever is said to
// work works and that the rest does not.
func allThree(s *scene, kind firewall.Kind, d deal) {
	for side, host := range on {
		kinds[kind](s.world, host, d.render(s.t, kind, side))
	}
	s.start(d.options())
	s.expect("server", open, "127.0.0.1", decoys...)
	for _, to := range []string{publicV4, serverV6} {
		s.expect("alice", dropped, to, decoys...)
	}
	// The internet and the desk are none of the clients' networks.
	all := append([]string{":21", ":990", ":21000"}, decoys...)
	s.ip("internet", "route add "+serverV4+" via 192.0.2.2")
	for _, to := range []string{serverV4, serverV6} {
		s.expect("internet", dropped, to, all...)
		s.expect("desk", dropped, to, all...)
	}
	// A connection that is not translated ends at the vendor's firewall itself.
	s.expect("internet", refused, publicV4, decoys...)
	s.tab.add(line{s.what, "TCP connect", "", "", "dropped, for all but the clients: " + ports(all)})
	s.tab.add(line{s.what, "TCP connect", "", "", "dropped, for everybody: " + ports(decoys)})
	for _, client := range clients {
		n := 0
		for _, addr := range []string{publicV4, serverV6} {
			for _, what := range []firewall.Purpose{firewall.ControlExplicit, firewall.ControlImplicit} {
				for _, from := range []string{"alice", "bob"} {
					v := visit{from: from, client: client, url: d.url(addr, what)}
					if r := s.visit(v); r.err != nil {
						s.t.Errorf("%s from %s to %s: %v: %s", client, from, v.url, r.err, r.verdict())
					} else {
						n++
					}
				}
			}
		}
		s.tab.add(line{s.what, client, d.control(), s.data, fmt.Sprintf("works: %d of 8 visits, alice and bob, IPv4 and IPv6", n)})
	}
}

// flow is a way to the server that some rules are for.
type flow struct {
	purpose firewall.Purpose // of the control connection; empty is local
	v6      bool
	visit   visit
}

func (f flow) String() string {
	if f.purpose == "" {
		return "local"
	}
	return string(f.purpose) + map[bool]string{false: " IPv4", true: " IPv6"}[f.v6]
}

func (d deal) flows() []flow {
	var all []flow
	for _, v6 := range []bool{false, true} {
		for _, what := range []firewall.Purpose{firewall.ControlExplicit, firewall.ControlImplicit} {
			addr := map[bool]string{false: publicV4, true: serverV6}[v6]
			all = append(all, flow{what, v6, visit{from: "alice", client: "curl", url: d.url(addr, what)}})
		}
	}
	if d.setup.DataOffset == 0 { // else the server tells local clients of ports that only the forwarder has
		all = append(all, flow{visit: visit{from: "server", client: "curl", url: explicit("127.0.0.1")}})
	}
	return all
}

// needs reports whether a flow needs the rule with a comment, on the server's
// host or on the way.
func (f flow) needs(comment string) bool {
	comment = strings.TrimSuffix(comment, ", translation")
	v6 := strings.HasSuffix(comment, " IPv6")
	switch what := firewall.Purpose(strings.TrimSuffix(comment, " IPv6")); {
	case f.purpose == "":
		return what == "loopback"
	case what == "loopback":
		return false
	case what == "replies":
		return true
	case what == firewall.Data || strings.HasPrefix(string(what), "neighbour"):
		return f.v6 == v6
	default:
		return f.v6 == v6 && f.purpose == what
	}
}

// commented finds the comment of a rule.
var commented = regexp.MustCompile(`comment "sallyport: ([^"]+)"`)

// These are the comments of the rules for the neighbours of IPv6 (RFC 4861).
const (
	solicitation  = "neighbour solicitation IPv6"
	advertisement = "neighbour advertisement IPv6"
)

// try tries every flow under the rules without the one that has a comment. The flows
// that need that rule must fail, and the rest must work.
//
// A host that is asked for its address learns that of whoever asks, so that one
// of the two rules for neighbours is hardly missed. Each is looked at in the
// situation that it is for: where only the server's firewall has to ask, or
// only the server.
func (s *scene) try(d deal, without, situation string) {
	s.t.Helper()
	neigh := func(host string, args ...string) {
		s.t.Helper()
		s.must(s.run(program{path: "ip", args: append([]string{"-n", s.id + host, "-6", "neigh"}, args...)}))
	}
	knows := func(host, dev, addr, of, ofDev string) {
		s.t.Helper()
		mac := s.must(s.run(program{host: of, path: "cat", args: []string{"/sys/class/net/" + ofDev + "/address"}})).out
		neigh(host, "replace", addr, "lladdr", strings.TrimSpace(mac), "dev", dev, "nud", "permanent")
	}
	// Set the neighbour that a host is to know first: a late packet of an earlier
	// visit would make that host ask, and the host that is asked learns the address
	// of the one that asks.
	switch situation {
	case solicitation:
		knows("server", "eth0", vendorV6, "vendor", "lan")
		neigh("vendor", "flush", "dev", "lan", "nud", "all")
	case advertisement:
		knows("vendor", "lan", serverV6, "server", "eth0")
		neigh("server", "flush", "dev", "eth0", "nud", "all")
	default:
		neigh("server", "flush", "dev", "eth0", "nud", "all")
		neigh("vendor", "flush", "dev", "lan", "nud", "all")
	}
	var fail []string
	var all sync.WaitGroup
	for _, f := range d.flows() {
		v := f.visit
		doomed := without != "" && f.needs(without)
		if doomed {
			v.patience = 2
			fail = append(fail, f.String())
		}
		all.Go(func() {
			r := s.visit(v)
			switch {
			case doomed && (r.err == nil || errors.Is(r.err, errDiffers)):
				s.t.Errorf("without %q: %s from %s: want a failure, got %v", without, v.url, v.from, r.err)
			case !doomed && r.err != nil:
				s.t.Errorf("without %q: %s from %s: %v: %s", without, v.url, v.from, r.err, r.verdict())
			}
		})
	}
	all.Wait()
	if without != "" {
		s.t.Logf("without %q these fail, and the rest works: %s", without, strings.Join(fail, ", "))
		if len(fail) == 0 {
			s.t.Errorf("nothing is known to need the rule %q", without)
		}
	}
}

// ruleByRule loads the rules of one side, the rest of the way being open, and then,
// for each rule, the same rules without that one. The flows that need the rule must
// fail then, and the rest must work.
func ruleByRule(s *scene, kind firewall.Kind, side firewall.Side, d deal) {
	host, load := on[side], kinds[kind]
	if host != "office" {
		s.nft("office", office(everything))
	}
	if host != "vendor" {
		s.nft("vendor", vendor(everything))
	}
	rules := d.render(s.t, kind, side)
	s.start(d.options())
	load(s.world, host, rules)
	// First with all rules, in every situation that there is below.
	for _, knows := range []string{"", solicitation, advertisement} {
		s.try(d, "", knows)
	}
	lines := strings.SplitAfter(rules, "\n")
	seen := map[string]bool{}
	for i, text := range lines {
		m := commented.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if seen[m[1]] {
			s.t.Errorf("two rules have the comment %q", m[1])
		}
		seen[m[1]] = true
		if m[1] == routersIPv6 || m[1] == groupsIPv6 || m[1] == dhcpIPv6 {
			continue // TestHostKeepsItsIPv6 shows what they are for: this world has no router that advertises
		}
		load(s.world, host, strings.Join(slices.Concat(lines[:i], lines[i+1:]), ""))
		s.try(d, m[1], m[1])
	}
	if len(seen) == 0 {
		s.t.Error("there are no rules")
	}
	s.tab.add(line{s.what, "curl, alice", d.control(), s.data, fmt.Sprintf("works; fails without any one of the %d rules", len(seen))})
}
