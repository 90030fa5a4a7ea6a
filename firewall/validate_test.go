package firewall

import (
	"context"
	"net"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/passive"
)

func TestValidate(t *testing.T) {
	for name, s := range setups() {
		require.NoError(t, s.Validate(), name)
	}
	for want, change := range map[string]func(*Setup){
		"no control port":                                                   func(s *Setup) { s.Explicit, s.Implicit = nil, nil },
		"control port 21 occurs twice":                                      func(s *Setup) { s.Implicit = []uint16{21} },
		"a control port is 0":                                               func(s *Setup) { s.Implicit = []uint16{0} },
		"two control ports have the external number 21":                     func(s *Setup) { s.External = map[uint16]uint16{990: 21} },
		"port 22, which is no control port":                                 func(s *Setup) { s.External = map[uint16]uint16{22: 21} },
		"the set of ports is empty":                                         func(s *Setup) { s.Data = "" },
		"reversed; write 21000-21010":                                       func(s *Setup) { s.Data = "21010-21000" },
		"no rule can name ports that the system":                            func(s *Setup) { s.Data = "any" },
		"990 is a control port and a data port":                             func(s *Setup) { s.Data = "980-995" },
		"21 is the external number of a control port and of data port 1021": func(s *Setup) { s.Data, s.DataOffset = "1021", -1000 },
		"moves data port 65000 out of":                                      func(s *Setup) { s.Data, s.DataOffset = "65000", 1000 },
		"ActiveSource: it means nothing":                                    func(s *Setup) { s.ActiveSource = 20 },
		"want lower-case letters":                                           func(s *Setup) { s.Name = "x; reboot" },
		`Name: "x-": want`:                                                  func(s *Setup) { s.Name = "x-" },
		"at most 30":                                                        func(s *Setup) { s.Name = strings.Repeat("x", 31) },
		"is no DNS name":                                                    func(s *Setup) { s.PublicName = "$(reboot)" },
		"an address is empty":                                               func(s *Setup) { s.Server = []netip.Addr{{}} },
		`the zone "eth0"`:                                                   func(s *Setup) { s.Server = addrs("fe80::1%eth0") },
		"is an IPv4 address in disguise; write 10.0.0.5":                    func(s *Setup) { s.Server = addrs("::ffff:10.0.0.5") },
		"belongs to a group of hosts":                                       func(s *Setup) { s.Public = addrs("224.0.0.1") },
		"clients cannot connect to 0.0.0.0":                                 func(s *Setup) { s.Public = addrs("0.0.0.0") },
		"of one family":                                                     func(s *Setup) { s.Public = addrs("203.0.113.7", "203.0.113.8") },
		"behind one public address":                                         func(s *Setup) { s.Server = addrs("10.0.0.5", "10.0.0.6") },
		"Clients: a network is empty":                                       func(s *Setup) { s.Clients = append(s.Clients, netip.Prefix{}) },
		"write 10.0.0.0/8 for the network or 10.0.0.5/32":                   func(s *Setup) { s.Clients = nets("10.0.0.5/8") },
		"IPv4 addresses in disguise":                                        func(s *Setup) { s.Inside = nets("::ffff:0:0/96") },
		"no IPv6 address that clients in 2001:db8::/32":                     func(s *Setup) { s.Clients = append(s.Clients, nets("2001:db8::/32")...) },
		"no IPv4 network of the clients to hide behind": func(s *Setup) {
			s.Server, s.Clients = append(s.Server, addrs("::")...), nets("2001:db8::/32")
		},
	} {
		s := setups()["partner"]
		change(&s)
		require.ErrorContains(t, s.Validate(), want)
		namesFields(t, s.Validate())
		_, err := s.Flows(Server)
		require.ErrorContains(t, err, want)
	}

	// All mistakes are reported at once.
	err := Setup{Name: "X", Data: "0", Public: addrs("0.0.0.0")}.Validate()
	for _, want := range []string{"Name", "no control port", "Data", "clients cannot connect"} {
		require.ErrorContains(t, err, want)
	}
}

// namesFields checks that each error is a FieldError whose Fields exist and are not named in its text.
func namesFields(t *testing.T, err error) {
	t.Helper()
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	for _, err := range errs {
		var e *FieldError
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Fields)
		for _, name := range e.Fields {
			_, ok := reflect.TypeFor[Setup]().FieldByName(name)
			require.True(t, ok || name == "Side" || name == "Kind", name)
			require.NotContains(t, e.Err.Error(), name)
			require.Equal(t, "firewall: "+strings.Join(e.Fields, ", ")+": "+e.Err.Error(), err.Error())
		}
	}
}

func TestFrom(t *testing.T) {
	ports, err := passive.Range("21000-21010,!21005")
	require.NoError(t, err)
	ports.Announce = passive.Address("203.0.113.7")
	ports.Offset = 10000
	s, err := From(ports, []string{"192.168.1.10:21", "192.168.1.10:2121"}, []string{"192.168.1.10:990"})
	require.NoError(t, err)
	require.Equal(t, Setup{
		Server: addrs("192.168.1.10"), Public: addrs("203.0.113.7"), Explicit: []uint16{21, 2121}, Implicit: []uint16{990},
		Data: "21000-21004,21006-21010", DataOffset: 10000,
	}, s)
	require.NoError(t, s.Validate())

	_, err = From(ports, []string{"21", ":ftp", "localhost:21"}, []string{":0"})
	namesFields(t, err)
	for _, want := range []string{`"21" is no address`, `":ftp": want a port`, "want an IP address", `":0": want a port`} {
		require.ErrorContains(t, err, want)
	}
}

// From has both families for a listener on every address, in whichever way that address is written.
func TestFromEveryAddress(t *testing.T) {
	ports, err := passive.Range("21000")
	require.NoError(t, err)
	for _, host := range []string{"", "0.0.0.0", "::", "::ffff:0.0.0.0"} {
		s, err := From(ports, []string{net.JoinHostPort(host, "21")}, []string{net.JoinHostPort(host, "990")})
		require.NoError(t, err)
		require.Equal(t, addrs("0.0.0.0", "::"), s.Server, host)
		flows, err := s.Flows(Server)
		require.NoError(t, err)
		require.True(t, slices.ContainsFunc(flows, func(f Flow) bool { return f.IPv6 }), host)

		require.True(t, reachesIPv6(t, host), "rules for IPv6 and nobody there, with %q", host)
	}
}

// reachesIPv6 reports whether a listener on a host accepts IPv6. It also returns true on a system that has no IPv6 or
// keeps the families apart.
func reachesIPv6(t *testing.T, host string) bool {
	other, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return true
	}
	other.Close()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	require.NoError(t, err)
	defer ln.Close()
	at := ln.Addr().(*net.TCPAddr)
	if at.IP.To4() != nil {
		return runtime.GOOS == "openbsd" || runtime.GOOS == "dragonfly"
	}
	c, err := net.Dial("tcp", net.JoinHostPort("::1", strconv.Itoa(at.Port)))
	if err == nil {
		c.Close()
	}
	return err == nil
}

// From takes the public address from the last rule. A function announces none in advance.
func TestFromAnnounce(t *testing.T) {
	rules, err := passive.ParseRules("10.0.0.0/8=dialled port+1, *=ftp.example.com")
	require.NoError(t, err)
	function := passive.AnnounceFunc(func(context.Context, netip.Addr, netip.Addr) (netip.Addr, error) { return netip.Addr{}, nil })
	for _, c := range []struct {
		announce passive.Announcer
		public   []netip.Addr
		name     string
	}{
		{nil, nil, ""},
		{function, nil, ""},
		{passive.Address("ftp.example.com"), nil, "ftp.example.com"},
		{passive.Address("$(reboot)"), nil, ""},
		{rules, nil, "ftp.example.com"},
		{rules[:1], nil, ""},
		{passive.Rules{{Announce: passive.Address("203.0.113.7")}}, addrs("203.0.113.7"), ""},
	} {
		ports, err := passive.Range("21000")
		require.NoError(t, err)
		ports.Announce = c.announce
		s, err := From(ports, []string{":21"}, nil)
		require.NoError(t, err)
		require.Equal(t, c.public, s.Public)
		require.Equal(t, c.name, s.PublicName)
		require.Zero(t, s.DataOffset)
	}
	ports, err := passive.Range("21000")
	require.NoError(t, err)
	ports.Announce, ports.Offset = append(rules[:1:1], passive.Rule{Announce: passive.Address("203.0.113.7"), Offset: 10000}), 5
	s, err := From(ports, []string{":21"}, nil)
	require.NoError(t, err)
	require.Equal(t, 10005, s.DataOffset)
}

// Networks within others are dropped, since nft refuses sets that overlap.
func TestPrefixes(t *testing.T) {
	got := prefixesOf(nets("10.1.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"), false)
	require.Equal(t, nets("10.0.0.0/8", "192.0.2.1/32"), got)
}
