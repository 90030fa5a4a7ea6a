package firewall

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// load runs a command in a network namespace of its own, with a rendering as its input.
func load(t *testing.T, text string, command ...string) {
	t.Helper()
	cmd := exec.Command("unshare", append([]string{"-n"}, command...)...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, text)
}

// loads calls check with each rendering of a kind, for every Setup, with and without long
// lists.
func loads(t *testing.T, kind Kind, check func(t *testing.T, text string)) {
	all := setups()
	long := all["everything"]
	long.Data, long.DataOffset = "21000,21002,21004-21005,21007,21009,21011,21013-21014,21016,21018-21020,21022,21024,21026", 0
	all["long"] = long
	for name, s := range all {
		for _, side := range Sides() {
			t.Run(name+"/"+string(side), func(t *testing.T) {
				text, err := Render(kind, side, s)
				require.NoError(t, err)
				check(t, text)
			})
		}
	}
}

func TestNFTLoads(t *testing.T) {
	testenv.NeedRoot(t)
	testenv.NeedBinary(t, "unshare")
	nft := testenv.NeedBinary(t, "nft")
	loads(t, "nftables", func(t *testing.T, text string) {
		load(t, text, nft, "-c", "-f", "-")
		// Loads the rules twice, which must leave one table without duplicate rules.
		load(t, text+text, nft, "-f", "-")
	})
}

func TestIPTablesLoads(t *testing.T) {
	testenv.NeedRoot(t)
	testenv.NeedBinary(t, "unshare")
	for _, program := range []string{"iptables-restore", "ip6tables-restore"} {
		path := testenv.NeedBinary(t, program)
		t.Run(program, func(t *testing.T) {
			loads(t, "iptables", func(t *testing.T, text string) { load(t, text, path, "--test") })
		})
	}
}
