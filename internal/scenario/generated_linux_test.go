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

	"github.com/sallyport/sallyport/passive/firewall"
)

// partners is the Setup of this scenario.
func partners() firewall.Setup {
	return firewall.Setup{
		Server:   []netip.Addr{netip.MustParseAddr(serverV4), netip.MustParseAddr(serverV6)},
		Public:   []netip.Addr{netip.MustParseAddr(publicV4)},
		Clients:  []netip.Prefix{netip.MustParsePrefix(officeV4 + "/32"), netip.MustParsePrefix("2001:db8:1::/64")},
		Inside:   []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24")},
		Explicit: []uint16{21},
		Implicit: []uint16{990},
		Data:     elevenPorts,
	}
}

// on tells which host has which firewall.
var on = map[firewall.Side]string{firewall.Server: "server", firewall.Border: "vendor", firewall.Client: "office"}

// kinds are those that can be loaded here, and how.
var kinds = map[firewall.Kind]func(w *world, host, rules string){
	"nftables": (*world).nft,
	"iptables": (*world).iptables,
}

// generated plays the scenario with the rules of package firewall.
func generated(t *testing.T, tab *table) {
	for kind, load := range kinds {
		t.Run(string(kind)+" on all three", func(t *testing.T) {
			t.Parallel()
			s := &scene{world: newWorld(t), t: t, tab: tab, what: "generated " + string(kind) + ", all three at once", data: elevenPorts}
			for side, host := range on {
				load(s.world, host, render(t, kind, side))
			}
			allThree(s)
		})
		for side := range on {
			t.Run(fmt.Sprintf("%s on %s, rule by rule", kind, on[side]), func(t *testing.T) {
				t.Parallel()
				s := &scene{world: newWorld(t), t: t, tab: tab, what: fmt.Sprintf("generated %s, %s alone", kind, side), data: elevenPorts}
				ruleByRule(s, kind, side)
			})
		}
	}
}

func render(t *testing.T, kind firewall.Kind, side firewall.Side) string {
	t.Helper()
	rules, err := firewall.Render(kind, side, partners())
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// allThree is all that is said to work, and that the rest does not.
func allThree(s *scene) {
	s.start(serverOptions{Data: elevenPorts, Announce: publicV4})
	for _, to := range []string{publicV4, serverV6} {
		s.expect("alice", dropped, to, decoys...)
	}
	s.expect("internet", dropped, serverV6, append([]string{":21", ":990"}, decoys...)...)
	s.expect("desk", dropped, serverV4, append([]string{":21", ":990"}, decoys...)...)
	s.expect("server", open, "127.0.0.1", decoys...)
	for _, client := range clients {
		for _, addr := range []string{publicV4, serverV6} {
			for _, url := range []string{explicit(addr), implicit(addr)} {
				s.works(visit{from: "alice", client: client, url: url})
				s.works(visit{from: "bob", client: client, url: url})
			}
		}
	}
}

// flow is a way to the server that some rules are for.
type flow struct {
	purpose firewall.Purpose // of the control connection; empty is local
	v6      bool
	visit   visit
}

var flows = []flow{
	{firewall.ControlExplicit, false, visit{from: "alice", client: "curl", url: explicit(publicV4)}},
	{firewall.ControlImplicit, false, visit{from: "alice", client: "curl", url: implicit(publicV4)}},
	{firewall.ControlExplicit, true, visit{from: "alice", client: "curl", url: explicit(serverV6)}},
	{firewall.ControlImplicit, true, visit{from: "alice", client: "curl", url: implicit(serverV6)}},
	{"", false, visit{from: "server", client: "curl", url: explicit("127.0.0.1")}},
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

// What the rules for the neighbours of IPv6 (RFC 4861) are commented with.
const (
	solicitation  = "neighbour solicitation IPv6"
	advertisement = "neighbour advertisement IPv6"
)

// try puts everything through, with the rules without the one of a comment.
// What needs it must fail, and the rest must work.
//
// A host that is asked for its address learns that of whoever asks, so that one
// of the two rules for neighbours is hardly missed. Each is looked at in the
// situation that it is for: where only the server's firewall has to ask, or
// only the server.
func (s *scene) try(without, situation string) {
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
	neigh("server", "flush", "dev", "eth0", "nud", "all")
	neigh("vendor", "flush", "dev", "lan", "nud", "all")
	switch situation {
	case solicitation:
		knows("server", "eth0", vendorV6, "vendor", "lan")
	case advertisement:
		knows("vendor", "lan", serverV6, "server", "eth0")
	}
	var all sync.WaitGroup
	for _, f := range flows {
		v := f.visit
		v.doomed = without != "" && f.needs(without)
		all.Go(func() {
			r := s.visit(v)
			switch {
			case v.doomed && (r.err == nil || errors.Is(r.err, errDiffers)):
				s.t.Errorf("without %q: %s from %s: want a failure, got %v", without, v.url, v.from, r.err)
			case !v.doomed && r.err != nil:
				s.t.Errorf("without %q: %s from %s: %v: %s", without, v.url, v.from, r.err, r.verdict())
			}
		})
	}
	all.Wait()
}

// ruleByRule loads the rules of one side, the rest of the way being open, and
// then the same rules without one of them, for each. What needs the rule must
// fail then, and the rest must work.
func ruleByRule(s *scene, kind firewall.Kind, side firewall.Side) {
	host, load := on[side], kinds[kind]
	if host != "office" {
		s.nft("office", office(everything))
	}
	if host != "vendor" {
		s.nft("vendor", vendor(everything))
	}
	rules := render(s.t, kind, side)
	s.start(serverOptions{Data: elevenPorts, Announce: publicV4})
	load(s.world, host, rules)
	// First with all rules, in every situation that there is below.
	for _, knows := range []string{"", solicitation, advertisement} {
		s.try("", knows)
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
		load(s.world, host, strings.Join(slices.Concat(lines[:i], lines[i+1:]), ""))
		s.try(m[1], m[1])
	}
	if len(seen) == 0 {
		s.t.Error("there are no rules")
	}
	s.tab.add(line{s.what, "curl", "21, 990", s.data, fmt.Sprintf("works; fails without any one of the %d rules", len(seen))})
}
