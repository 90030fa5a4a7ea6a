package scenario

import (
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/firewall"
)

// These are the comments of the rules that keep a host's own IPv6 alive.
const (
	routersIPv6 = "router advertisements IPv6"
	groupsIPv6  = "multicast listeners IPv6"
	dhcpIPv6    = "DHCP IPv6"
)

// segmentOf is a host whose IPv6 address and route come from a router on its segment,
// as most do, and which is plugged into a switch that forwards only to those who say
// that they listen (MLD snooping). The word of a real router is good for half an hour,
// the word of this router for six seconds.
type segmentOf struct {
	*world
	t *testing.T
}

func newSegment(t *testing.T) *segmentOf {
	t.Helper()
	w := emptyWorld(t, []string{"router", "machine"}, map[string]string{
		"net/ipv6/conf/all/accept_dad": "0", "net/ipv6/conf/default/accept_dad": "0",
		"net/ipv6/conf/all/accept_ra": "1", "net/ipv6/conf/default/accept_ra": "1",
	})
	w.plug([][4]string{{"router", "port1", "machine", "eth0"}})
	w.ip("machine", "link set lo up\nlink set eth0 up")
	w.ip("router", `link set lo up
		link add lan type bridge mcast_snooping 1 mcast_querier 1 mcast_startup_query_count 1 mcast_query_interval 100 mcast_query_response_interval 50 mcast_membership_interval 300
		link set port1 master lan
		link set port1 up
		link set lan up`)
	s := &segmentOf{w, t}
	s.eventually("a link-local address", func() bool { return s.local() != "" && s.linkLocal("router", "lan") != "" })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := w.command(w.ctx, program{host: "router", path: self, env: []string{role + "=router", "CLIENT=" + s.local() + "%lan"}})
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Cancel()
		cmd.Wait()
	})
	return s
}

// eventually waits for what the kernels bring about.
func (s *segmentOf) eventually(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("in vain: %s", what)
		}
	}
}

// show returns what ip prints about IPv6 on a host.
func (s *segmentOf) show(host string, args ...string) string {
	s.t.Helper()
	return s.must(s.run(program{path: "ip", args: append([]string{"-n", s.id + host, "-6"}, args...)})).out
}

var address = regexp.MustCompile(`inet6 ([0-9a-f:]+)/`)

func (s *segmentOf) linkLocal(host, dev string) string {
	if m := address.FindStringSubmatch(s.show(host, "addr", "show", "dev", dev, "scope", "link")); m != nil {
		return m[1]
	}
	return ""
}

// local returns the machine's link-local address.
func (s *segmentOf) local() string { return s.linkLocal("machine", "eth0") }

var lifetime = regexp.MustCompile(`valid_lft (\d+)sec`)

// left returns for how many seconds the machine keeps its address, -1 without one.
func (s *segmentOf) left() int {
	s.t.Helper()
	m := lifetime.FindStringSubmatch(s.show("machine", "addr", "show", "dev", "eth0", "scope", "global"))
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *segmentOf) routed() bool { return s.show("machine", "route", "show", "default") != "" }

// listens reports whether the switch knows that the machine listens to the group in
// which neighbours look for its address (RFC 4291, section 2.7.1).
func (s *segmentOf) listens() bool {
	s.t.Helper()
	known := s.must(s.run(program{host: "router", path: "bridge", args: []string{"mdb", "show", "dev", "lan"}})).out
	addr, group := netip.MustParseAddr(s.local()).As16(), netip.MustParseAddr("ff02::1:ff00:0").As16()
	copy(group[13:], addr[13:])
	return strings.Contains(known, netip.AddrFrom16(group).String()+" ")
}

// asked waits for a DHCPv6 server's answer on the machine, and returns what came of
// that.
func (s *segmentOf) asked(patience time.Duration) string {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.must(s.run(program{host: "machine", path: self, env: []string{role + "=dhcp", "PATIENCE=" + patience.String()}}))
	return strings.TrimSpace(r.out)
}

// survives demands that address and route live on for twice the time that the router
// gave them before the rules were loaded: the router must have been heard through the
// rules.
func (s *segmentOf) survives() {
	s.t.Helper()
	gone := 0
	for start := time.Now(); time.Since(start) < 2*goodFor; time.Sleep(100 * time.Millisecond) {
		// The kernel may remove an address or route for a moment to renew it, so only
		// one that stays away is gone.
		if gone++; s.left() >= 0 && s.routed() {
			gone = 0
		}
		if gone > 20 {
			s.t.Fatal("the address or the route is gone")
		}
	}
	s.eventually("the switch still knows who listens", s.listens)
	if got := s.asked(20 * time.Second); got != open {
		s.t.Errorf("an answer by DHCPv6: %s", got)
	}
}

// TestHostKeepsItsIPv6 loads the rules for a server's host, with each kind of firewall
// that can be loaded here, and then those rules without the one for routers, without
// the one for groups and without the one for DHCP: each is needed (RFC 4890, section
// 4.4.1).
func TestHostKeepsItsIPv6(t *testing.T) {
	need(t)
	for kind, load := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newSegment(t)
			s.eventually("the host has an address and a route", func() bool { return s.left() >= 0 && s.routed() && s.listens() })
			// The server is for IPv4 only; its host has IPv6 all the same.
			rules := deal{setup: firewall.Setup{Explicit: []uint16{21}, Data: onePort, Clients: deals()[0].setup.Clients[:1]}}.render(t, kind, firewall.Server)
			load(s.world, "machine", rules)
			s.survives()
			without := func(comment string) {
				t.Helper()
				lines := strings.SplitAfter(rules, "\n")
				i := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, comment) })
				if i < 0 {
					t.Fatalf("no rule for %s in:\n%s", comment, rules)
				}
				load(s.world, "machine", strings.Join(slices.Concat(lines[:i], lines[i+1:]), ""))
			}
			without(dhcpIPv6)
			if got := s.asked(3 * time.Second); got != dropped {
				t.Errorf("without the rule for DHCPv6: %s", got)
			}
			without(groupsIPv6)
			s.eventually("the switch forgets the host", func() bool { return !s.listens() })
			without(routersIPv6)
			s.eventually("address and route go", func() bool { return s.left() < 0 && !s.routed() })
			load(s.world, "machine", rules)
			s.eventually("and come back", func() bool { return s.left() >= 0 && s.routed() && s.listens() })
		})
	}
}
