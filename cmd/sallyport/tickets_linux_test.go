package main

import (
	stdtls "crypto/tls"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// A program that keeps the TLS tickets of all its connections in one place logs in before and after upgrades. The old
// engines and the new one take each other's tickets, on a single data port.
func TestEnginesTickets(t *testing.T) {
	u := startUpgradable(t, "", 1, func(*exec.Cmd) {})
	config := &stdtls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: stdtls.NewLRUClientSessionCache(0)}
	var all []*ftpclient.Client
	login := func() {
		c, err := ftpclient.Dial(u.fact(t, "explicit FTPS"), false, config, "alice", "secret")
		require.NoError(t, err)
		t.Cleanup(func() { c.Conn.Close() })
		all = append(all, c)
	}
	login()
	require.NoError(t, there(all[0], "before"))
	for n := range 2 {
		u.upgrade(t)
		login()
		for i := range 10 {
			for j, c := range all {
				require.NoError(t, there(c, fmt.Sprintf("file-%d-%d-%d", n, i, j)), "session %d", j)
			}
		}
	}
	require.NotContains(t, u.log.String(), "resumed=false", "every data connection proves whose it is")
	require.NotContains(t, u.log.String(), "refused")
}

// The key that seals changes once a day; the next one is known before, and those of the last week are still there.
func TestTicketKeysRenewed(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var k ticketKeys
	k.begin(now)
	k.begin(now)
	require.False(t, k.renew(now.Add(ticketsEvery-1)))
	first, next := k.keys[0], k.keys[1]
	require.NotEqual(t, first, next)
	for day := range 10 {
		now = now.Add(ticketsEvery)
		sealing, next := k.keys[0], k.keys[1]
		require.True(t, k.renew(now))
		require.False(t, k.renew(now))
		require.Equal(t, next, k.keys[0])
		require.Equal(t, sealing, k.keys[2])
		require.Len(t, k.keys, min(day+3, mostTicketKeys))
		require.Equal(t, day < 7, k.keys[len(k.keys)-1] == first, "day %d", day)
	}
	require.True(t, k.renew(now.Add(-time.Hour)), "the clock was set back")

	var w channel.Writer
	w.Begin(channel.FirstOp, 1)
	k.write(&w)
	_, _, r := channel.Parse(w)
	got, err := readTicketKeys(r)
	require.NoError(t, err)
	require.NoError(t, r.End())
	require.Equal(t, k.keys, got)
	keys, renewed := k.leave()
	var taken ticketKeys
	taken.adopt(keys, renewed)
	require.Equal(t, k.keys, taken.keys)
	require.False(t, taken.renew(renewed.Add(ticketsEvery-1)))
	var none ticketKeys
	none.adopt([][]byte{{1}, {2}}, renewed)
	require.Empty(t, none.keys)
}
