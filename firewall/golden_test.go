package firewall

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, s := range texts {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func nets(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// setups returns the setups that every kind is rendered for.
func setups() map[string]Setup {
	return map[string]Setup{
		// One company sends files to another; both are behind a NAT.
		"partner": {
			Server: addrs("10.0.0.5"), Public: addrs("203.0.113.7"), PublicName: "ftp.example.com",
			Clients: nets("198.51.100.0/28"), Inside: nets("192.168.0.0/16"),
			Explicit: []uint16{21}, Implicit: []uint16{990}, Data: "21000-21010,!21005",
		},
		// Clients may come from everywhere, over both families, with nothing in between.
		"anyone": {Explicit: []uint16{21}, Data: "21000-21003"},
		// Everything at once: forwarded ports, both families, several networks, active mode, and a name.
		"everything": {
			Name: "acme-2", Server: addrs("10.0.0.5", "2001:db8:1::5"), Public: addrs("203.0.113.7"),
			Clients:  nets("198.51.100.0/28", "192.0.2.9/32", "2001:db8:2::/64"),
			Explicit: []uint16{2121}, Implicit: []uint16{990}, External: map[uint16]uint16{2121: 21},
			Data: "21000-21002,21006", DataOffset: 10000, Active: true, ActiveSource: 20,
		},
		// The public address changes, so clients know only a name.
		"dynamic": {
			Server: addrs("192.168.1.10"), PublicName: "ftp.example.com", Inside: nets("10.1.0.0/16"),
			Explicit: []uint16{21}, Data: "21000", Active: true,
		},
	}
}

// render returns the renderings of a kind for all sides, errors included, as one text.
func render(in Info, s Setup) string {
	var b strings.Builder
	for _, side := range in.Sides {
		text, err := Render(in.Kind, side, s)
		fmt.Fprintf(&b, "== %s ==\n%s", side, text)
		if err != nil {
			fmt.Fprintf(&b, "error: %v\n", err)
		}
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	for name, s := range setups() {
		for _, in := range Kinds() {
			t.Run(name+"/"+string(in.Kind), func(t *testing.T) {
				got := render(in, s)
				file := filepath.Join("testdata", name, string(in.Kind)+".txt")
				if *update {
					require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o777))
					require.NoError(t, os.WriteFile(file, []byte(got), 0o666))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err, "run go test with -update")
				require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
			})
		}
	}
}

// Every rendering begins with what it is for, which side, and what it lets through.
func TestHeader(t *testing.T) {
	for name, s := range setups() {
		for _, in := range Kinds() {
			for _, side := range in.Sides {
				text, err := Render(in.Kind, side, s)
				if err != nil || in.Kind == "change-request" {
					continue
				}
				first, _, _ := strings.Cut(text, "\n")
				comment := strings.TrimSpace(in.comment)
				require.True(t, strings.HasPrefix(text, in.comment+"FTPS to "), "%s: %q", in.Kind, first)
				top, _, _ := strings.Cut(text, comment+" Not needed:")
				require.Contains(t, strings.ReplaceAll(top, "\n"+in.comment, " "), "(side: "+string(side)+")", name)
				for line := range strings.Lines(top) {
					require.True(t, strings.HasPrefix(line, comment), "%s: %q before the end of the header", in.Kind, line)
				}
			}
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	s := setups()["partner"]
	_, err := Render("checkpoint", Server, s)
	require.ErrorContains(t, err, "want one of change-request, nftables")
	_, err = Render("docker", Border, s)
	require.ErrorContains(t, err, `Side: docker has none called "border"; want one of [server]`)
	_, err = Render("nftables", "", s)
	require.ErrorContains(t, err, `Side: nftables has none called ""`)
	_, err = Render("nftables", Server, Setup{})
	require.ErrorContains(t, err, "no control port")

	// Two thousand entries are refused: nobody reads them, and no load balancer accepts them.
	s.Data = "22000-24000"
	_, err = Render("kubernetes", Server, s)
	require.ErrorContains(t, err, "name fewer data ports")
	_, err = Render("nftables", Server, s)
	require.NoError(t, err)

	s.Server = nil
	_, err = Render("nftables", Border, s)
	require.ErrorContains(t, err, "needs the server's own IPv4 address")
	_, err = Render("nftables", Client, s)
	require.NoError(t, err)
}
