package networks

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":          "10.0.0.0/8",
		"2001:db8::/32":       "2001:db8::/32",
		"10.0.0.5":            "10.0.0.5/32",
		"2001:db8::5":         "2001:db8::5/128",
		"::ffff:10.0.0.5":     "10.0.0.5/32",
		"::ffff:10.0.0.0/96":  "", // bits behind those of the network
		"::ffff:0.0.0.0/96":   "0.0.0.0/0",
		"::ffff:10.0.0.0/104": "10.0.0.0/8",
		"10.0.0.5/8":          "",
		"10.0.0.0/33":         "",
		"fe80::1%eth0":        "",
		"office":              "",
		"":                    "",
	} {
		p, err := Parse(text)
		if want == "" {
			require.Error(t, err, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, p.String(), text)
	}
	_, err := Parse("10.0.0.5/8")
	require.EqualError(t, err, "10.0.0.5/8 is an address within a network; write 10.0.0.0/8 for the network or 10.0.0.5 for the address")
}

func TestContains(t *testing.T) {
	for _, text := range []string{"10.0.0.0/8", "::ffff:10.0.0.0/104"} {
		p := netip.MustParsePrefix(text)
		require.True(t, Contains(p, netip.MustParseAddr("10.1.2.3")), text)
		require.True(t, Contains(p, netip.MustParseAddr("::ffff:10.1.2.3")), text)
		require.False(t, Contains(p, netip.MustParseAddr("11.1.2.3")), text)
	}
	require.True(t, Contains(netip.MustParsePrefix("fe80::/10"), netip.MustParseAddr("fe80::1%eth0")))
	require.False(t, Contains(netip.MustParsePrefix("fe80::/10"), netip.Addr{}))
	require.False(t, Contains(netip.Prefix{}, netip.MustParseAddr("10.1.2.3")))
}
