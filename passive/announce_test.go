package passive

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	inside4  = netip.MustParseAddr("192.168.1.10")
	inside6  = netip.MustParseAddr("fd00::10")
	public4  = netip.MustParseAddr("203.0.113.7")
	public6  = netip.MustParseAddr("2001:db8::7")
	outside4 = netip.MustParseAddr("198.51.100.4")
	outside6 = netip.MustParseAddr("2001:db8:1::4")
)

func TestAddress(t *testing.T) {
	for _, c := range []struct {
		text                string
		client, local, want netip.Addr
	}{
		{"203.0.113.7", outside4, inside4, public4},
		{" 203.0.113.7 ", outside4, inside4, public4},
		{"::ffff:203.0.113.7", outside4, inside4, public4},
		{"203.0.113.7", netip.MustParseAddr("::ffff:198.51.100.4"), inside4, public4},
		{"203.0.113.7", outside6, inside6, inside6},
		{"2001:db8::7", outside6, inside6, public6},
		{"2001:db8::7", outside4, inside4, inside4},
		{"203.0.113.7", netip.Addr{}, netip.Addr{}, public4},
	} {
		a := Address(c.text)
		require.NoError(t, validate(a), c.text)
		got, err := a.Announce(t.Context(), c.client, c.local)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
	}
	_, err := Address("203.0.113.7").Announce(t.Context(), outside6, netip.Addr{})
	require.ErrorContains(t, err, "unknown")
}

func TestAddressErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "it is empty",
		" . ":               "it is empty",
		"bogus name!":       `' ' occurs neither`,
		"bogus!":            `'!' occurs neither`,
		"0.0.0.0":           "every address of a host",
		"::":                "every address of a host",
		"224.0.0.1":         "group of hosts",
		"ff02::1":           "group of hosts",
		"255.255.255.255":   "group of hosts",
		"fe80::1%eth0":      `the zone "eth0"`,
		"203.0.113":         "looks like an IP address",
		"203.0.113.300":     "looks like an IP address",
		"203.0.113.7:21000": `the port is not announced here; write "203.0.113.7"`,
		"ftp.example:21":    `write "ftp.example"`,
		"[2001:db8::7]:21":  `write "2001:db8::7"`,
		"[2001:db8::7]":     "without brackets: 2001:db8::7",
		"ftp..example":      "1 to 63 characters",
		"-ftp.example":      "hyphen",
		"ftp-.example":      "hyphen",
		"bücher.example":    "xn--",
	} {
		a := Address(text)
		require.ErrorContains(t, validate(a), want, text)
		if _, known := a.(literal); known {
			continue // refused by Announced, whoever gave it
		}
		_, err := a.Announce(t.Context(), outside4, inside4)
		require.ErrorContains(t, err, want, text)
	}
	long := "a."
	for len(long) < 300 {
		long += long
	}
	require.ErrorContains(t, validate(Address(long+"b")), "253")
	for _, good := range []string{"ftp.example.com", "ftp.example.com.", "localhost", "my_host", "3com.example", "xn--bcher-kva.example"} {
		require.NoError(t, validate(Address(good)), good)
	}
}

// What an embedder's function returns is looked at, too.
func TestAnnouncedIsChecked(t *testing.T) {
	var answer netip.Addr
	p, _ := memPorts(t, "21000")
	defer p.Close()
	p.Announce = AnnounceFunc(func(_ context.Context, client, l netip.Addr) (netip.Addr, error) {
		require.Equal(t, alice, client)
		require.Equal(t, local, l)
		return answer, nil
	})
	l := lease(t, p, Request{Client: netip.MustParseAddr("::ffff:127.0.0.2"), Local: netip.MustParseAddr("::ffff:127.0.0.1")})
	for _, bad := range []string{"0.0.0.0", "224.0.0.1", "fe80::1%eth0"} {
		answer = netip.MustParseAddr(bad)
		_, err := l.Announced(t.Context())
		require.ErrorContains(t, err, "passive: cannot announce "+bad)
	}
	answer = netip.Addr{}
	_, err := l.Announced(t.Context())
	require.ErrorContains(t, err, "an empty address")
	answer = netip.MustParseAddr("::ffff:203.0.113.7")
	at, err := l.Announced(t.Context())
	require.NoError(t, err)
	require.Equal(t, "203.0.113.7:21000", at.String())
}

// The zone of a link-local address dialled is of no use to the client.
func TestAnnouncedZone(t *testing.T) {
	got, err := announce(t.Context(), nil, netip.MustParseAddr("fe80::2%eth0"), netip.MustParseAddr("fe80::1%eth0"))
	require.NoError(t, err)
	require.Equal(t, "fe80::1", got.String())
}

func TestPrivate(t *testing.T) {
	for text, want := range map[string]bool{
		"10.1.2.3": true, "172.16.0.1": true, "172.31.255.255": true, "172.32.0.1": false, "192.168.0.1": true,
		"100.64.0.1": true, "100.127.255.255": true, "100.128.0.1": false, "169.254.1.1": true, "127.0.0.1": true,
		"0.0.0.0": true, "203.0.113.7": false, "8.8.8.8": false, "::1": true, "::": true, "fd00::1": true,
		"fe80::1": true, "2001:db8::1": false, "::ffff:10.0.0.1": true, "::ffff:8.8.8.8": false,
	} {
		require.Equal(t, want, Private(netip.MustParseAddr(text)), text)
	}
}

func TestWarn(t *testing.T) {
	require.Equal(t, "the client at 198.51.100.4 is told to connect to 192.168.1.10, which cannot be reached from outside: "+
		"announce the public address of the NAT in front of this host (passive.Address)", Warn(outside4, inside4))
	for _, quiet := range [][2]netip.Addr{{outside4, public4}, {inside4, inside4}, {inside4, public4}, {{}, inside4}, {outside4, {}}} {
		require.Empty(t, Warn(quiet[0], quiet[1]))
	}
}

func TestParseRules(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.0/8=192.168.1.10, *=203.0.113.7":              "10.0.0.0/8=192.168.1.10,*=203.0.113.7",
		"203.0.113.7":                                         "*=203.0.113.7",
		" ftp.example.com ":                                   "*=ftp.example.com",
		"10.0.0.0/8 = dialled , * = 203.0.113.7":              "10.0.0.0/8=dialled,*=203.0.113.7",
		"10.1.2.3=192.168.1.10":                               "10.1.2.3/32=192.168.1.10",
		"fd00::/8=fd00::10":                                   "fd00::/8=fd00::10",
		"::ffff:10.0.0.0/104=192.168.1.10":                    "10.0.0.0/8=192.168.1.10",
		"::ffff:10.0.0.1=192.168.1.10":                        "10.0.0.1/32=192.168.1.10",
		"dialled":                                             "*=dialled",
		"10.0.0.0/8=dialled  port+10 , 203.0.113.7 port-1000": "10.0.0.0/8=dialled port+10,*=203.0.113.7 port-1000",
	} {
		r, err := ParseRules(in)
		require.NoError(t, err, in)
		require.Equal(t, want, r.String(), in)
	}
	require.Equal(t, "*=(function)", Rules{{Announce: AnnounceFunc(nil)}}.String())
}

func TestParseRulesErrors(t *testing.T) {
	for in, want := range map[string][]string{
		"":                                    {`rule "": empty; want clients=address`},
		"*=203.0.113.7,":                      {`rule "": empty`},
		"10.0.0.0/8=":                         {`no address after the equals sign`, `"dialled"`},
		"10.0.0.0/33=203.0.113.7":             {`"10.0.0.0/33" is no network; want one such as 10.0.0.0/8`},
		"lan=203.0.113.7":                     {`"lan" is no network`},
		"fe80::1%eth0=203.0.113.7":            {`is no network`},
		"=203.0.113.7":                        {`"" is no network`},
		"10.0.0.5/8=203.0.113.7":              {`write 10.0.0.0/8 for the network or 10.0.0.5 for the address`},
		"*=203.0.113.7,10.0.0.0/8=10.0.0.1":   {`rule "10.0.0.0/8=10.0.0.1" never applies`},
		"*=0.0.0.0":                           {`every address of a host`},
		"a=b=c":                               {`"a" is no network`},
		"*=203.0.113.7 port":                  {`no offset of ports; want one such as port+10000`},
		"*=203.0.113.7 port10":                {`no offset of ports`},
		"*=203.0.113.7 port+":                 {`no offset of ports`},
		"*=203.0.113.7 port+-1":               {`no offset of ports`},
		"*=203.0.113.7 port+0":                {`no offset of ports`},
		"*=203.0.113.7 port+65535":            {`no offset of ports`},
		"*=203.0.113.7 +10":                   {`"+10" behind the address`},
		"*=b=c":                               {`'=' occurs neither`},
		"x=203.0.113.7,*=bogus!,y=203.0.113.": {`"x" is no network`, `'!' occurs`, `"y" is no network`},
	} {
		r, err := ParseRules(in)
		require.Nil(t, r, in)
		for _, part := range want {
			require.ErrorContains(t, err, part, in)
		}
	}
	require.ErrorContains(t, Rules{{Clients: netip.PrefixFrom(inside4, 99)}}.Validate(), "not a network")
}

func TestRules(t *testing.T) {
	r, err := ParseRules("10.0.0.0/8=192.168.1.10, 172.16.0.0/12=dialled, fe80::/10=dialled, 198.51.100.0/24=203.0.113.7")
	require.NoError(t, err)
	for client, want := range map[string]netip.Addr{
		"10.9.9.9":            inside4,
		"::ffff:10.9.9.9":     inside4,
		"172.16.1.1":          local,
		"198.51.100.4":        public4,
		"198.51.101.4":        local, // no rule
		"2001:db8::1":         local,
		"fe80::1%eth0":        local,
		"::ffff:198.51.100.4": public4,
	} {
		got, err := r.Announce(t.Context(), netip.MustParseAddr(client), local)
		require.NoError(t, err, client)
		require.Equal(t, want, got, client)
	}
	mapped := Rules{{Clients: netip.MustParsePrefix("::ffff:10.0.0.0/104"), Announce: Address("203.0.113.7")}}
	got, err := mapped.Announce(t.Context(), netip.MustParseAddr("10.0.0.1"), local)
	require.NoError(t, err)
	require.Equal(t, public4, got)
}

func TestRulesCheck(t *testing.T) {
	down := errors.New("down")
	broken := &Name{Host: "ftp.example.com", Resolver: func(context.Context, string, string) ([]netip.Addr, error) { return nil, down }}
	p, _ := memPorts(t, "21000")
	p.Announce = Rules{{Clients: netip.MustParsePrefix("10.0.0.0/8"), Announce: Address("10.0.0.1")}, {Announce: broken}}
	require.ErrorIs(t, p.Check(t.Context(), local), down)
	require.NoError(t, p.Validate())
}

func FuzzParseRules(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8=192.168.1.10, *=203.0.113.7", "203.0.113.7", "fd00::/8=dialled", "::ffff:10.0.0.0/104=a.b", "a=b", "*=,", "::/0=::1", "*=a port+5,b=dialled port-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRules(text)
		if err != nil {
			require.Nil(t, r)
			return
		}
		require.NotEmpty(t, r)
		require.NoError(t, r.Validate())
		again, err := ParseRules(r.String())
		require.NoError(t, err)
		require.Equal(t, r.String(), again.String())
		require.Len(t, again, len(r))
		for i := range r {
			require.Equal(t, r[i].Clients, again[i].Clients)
			require.Equal(t, r[i].Offset, again[i].Offset)
		}
	})
}
