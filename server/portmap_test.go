package server_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// Clients of each network are told the address and the ports of their way in, by
// PASV and EPSV, and others after an Update.
func TestPortMapsByNetwork(t *testing.T) {
	rules, err := passive.ParseRules("10.0.0.0/8=dialled, 198.51.100.0/24=203.0.113.7 port+10000, *=203.0.113.9 port-20000")
	require.NoError(t, err)
	fake(t, func(t *testing.T, fs *fakeServer) {
		told := func(from, pasv, epsv string) {
			t.Helper()
			c := fs.from(t, from)
			c.expect(220)
			c.login()
			require.Regexp(t, pasv, c.cmd(227, "PASV").String())
			require.Regexp(t, epsv, c.cmd(229, "EPSV").String())
			c.cmd(221, "QUIT")
		}
		told("10.1.2.3", `\(192,0,2,1,82,(8|9|10|11)\)`, `\(\|\|\|2100[0-3]\|\)`)            // 82*256+8 is 21000
		told("198.51.100.7", `\(203,0,113,7,121,(24|25|26|27)\)`, `\(\|\|\|3100[0-3]\|\)`)   // 31000
		told("203.0.113.200", `\(203,0,113,9,3,(232|233|234|235)\)`, `\(\|\|\|100[0-3]\|\)`) // 1000
		require.NoError(t, fs.Update(func(now *server.Settings) {
			now.Announce = passive.Rules{{Announce: passive.Address("203.0.113.10"), Offset: 1}}
		}))
		told("198.51.100.7", `\(203,0,113,10,82,(9|10|11|12)\)`, `\(\|\|\|2100[1-4]\|\)`)
	}, func(srv *server.Server) { srv.Passive.Announce = rules })
}
