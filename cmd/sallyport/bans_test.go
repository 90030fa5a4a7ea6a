package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// quietBans returns bans without a server.
func quietBans(rules banRules) (b *bans, told *[]ban) {
	told = new([]ban)
	b = newBans(slog.New(slog.DiscardHandler), rules)
	b.tell = func(x ban) { *told = append(*told, x) }
	b.end = func(func(server.SessionInfo) bool) {}
	b.others, b.newest = func(netip.Prefix) {}, func() bool { return true }
	return b, told
}

// fail counts refused logins of an address.
func fail(b *bans, addr string, times int) {
	for range times {
		b.login(server.Login{Session: server.SessionInfo{Peer: netip.AddrPortFrom(netip.MustParseAddr(addr), 4711)}, Err: fmt.Errorf("no: %w", driver.ErrLogin)})
	}
}

func (b *bans) holdsFor(addr string) bool { return b.holds(netip.MustParseAddr(addr)) }

var threeTimes = banRules{after: 3, window: 10 * time.Minute, period: time.Hour}

// Failures within the window count, and a ban holds for its period.
func TestBanByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, told := quietBans(threeTimes)
		fail(b, "192.0.2.1", 2)
		time.Sleep(10*time.Minute + 1)
		fail(b, "192.0.2.1", 1)
		time.Sleep(9 * time.Minute)
		fail(b, "192.0.2.1", 1)
		require.False(t, b.holdsFor("192.0.2.1"))
		time.Sleep(time.Minute)
		fail(b, "::ffff:192.0.2.1", 1)
		require.True(t, b.holdsFor("192.0.2.1"))
		require.True(t, b.holdsFor("::ffff:192.0.2.1"))
		require.False(t, b.holdsFor("192.0.2.2"))
		require.Len(t, *told, 1)
		require.Equal(t, "3 refused logins or connections within 10m0s", (*told)[0].Reason)
		fail(b, "192.0.2.1", 5) // from sessions that began before the ban
		require.Len(t, *told, 1)
		time.Sleep(time.Hour - 1)
		require.True(t, b.holdsFor("192.0.2.1"))
		require.Len(t, b.list(), 1)
		time.Sleep(time.Nanosecond)
		require.False(t, b.holdsFor("192.0.2.1"))
		require.Empty(t, b.list())
		fail(b, "192.0.2.1", 2)
		require.False(t, b.holdsFor("192.0.2.1"))
	})
}

// All addresses of an IPv6 /64 count as one client.
func TestBanOfIPv6(t *testing.T) {
	b, told := quietBans(threeTimes)
	for _, addr := range []string{"2001:db8:0:1::1", "2001:db8:0:1:ffff::1%eth0", "2001:db8:0:1::2"} {
		require.False(t, b.holdsFor(addr))
		fail(b, addr, 1)
	}
	require.True(t, b.holdsFor("2001:db8:0:1:1234::"))
	require.False(t, b.holdsFor("2001:db8:0:2::1"))
	require.Equal(t, "2001:db8:0:1::/64", (*told)[0].Network.String())
	lifted, left := b.lift(netip.MustParsePrefix("2001:db8:0:1::77/128"))
	require.Len(t, lifted, 1)
	require.False(t, left.IsValid())
	require.False(t, b.holdsFor("2001:db8:0:1::1"))
}

// Only wrong credentials and too many connections of the address itself count.
func TestWhatBans(t *testing.T) {
	peer := netip.MustParseAddrPort("192.0.2.1:4711")
	for name, x := range map[string]struct {
		fail func(*bans)
		bans bool
	}{
		"wrong password": {func(b *bans) { fail(b, "192.0.2.1", 1) }, true},
		"login":          {func(b *bans) { b.login(server.Login{Session: server.SessionInfo{Peer: peer}}) }, false},
		"outage": {func(b *bans) {
			b.login(server.Login{Session: server.SessionInfo{Peer: peer}, Err: errors.New("no directory")})
		}, false},
		"expired": {func(b *bans) {
			b.login(server.Login{Session: server.SessionInfo{Peer: peer}, Err: &driver.Error{Code: 530}})
		}, false},
		"flood":             {func(b *bans) { b.refused(server.Refusal{Peer: peer, Limit: "MaxSessionsPerAddress"}) }, true},
		"others fill it":    {func(b *bans) { b.refused(server.Refusal{Peer: peer, Limit: "MaxSessions"}) }, false},
		"shutdown":          {func(b *bans) { b.refused(server.Refusal{Peer: peer, Err: server.ErrServerClosed}) }, false},
		"no PROXY header":   {func(b *bans) { b.refused(server.Refusal{Peer: peer, Err: errors.New("no header")}) }, false},
		"no address at all": {func(b *bans) { b.refused(server.Refusal{Limit: "MaxSessionsPerAddress"}) }, false},
	} {
		b, told := quietBans(threeTimes)
		for range 10 {
			x.fail(b)
		}
		require.Equal(t, x.bans, b.holds(peer.Addr()), name)
		require.Equal(t, x.bans, len(*told) == 1, name)
	}
	b, _ := quietBans(banRules{window: time.Hour, period: time.Hour}) // ban-after = 0
	fail(b, "192.0.2.1", 1000)
	require.False(t, b.holdsFor("192.0.2.1"))
	require.Empty(t, b.suspects)
}

// No ban holds for networks in ban-never, from the moment that they are there.
func TestBanNever(t *testing.T) {
	b, _ := quietBans(threeTimes)
	fail(b, "10.1.2.3", 3)
	require.NoError(t, b.add(ban{Network: netip.MustParsePrefix("10.0.0.0/8")}))
	require.True(t, b.holdsFor("10.1.2.3"))
	rules := threeTimes
	rules.never = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("2001:db8::/32")}
	b.follow(rules)
	require.False(t, b.holdsFor("10.1.2.3"))
	require.True(t, b.holdsFor("10.2.0.1"))
	fail(b, "2001:db8::1", 5)
	require.False(t, b.holdsFor("2001:db8::1"))
	require.EqualError(t, b.add(ban{Network: netip.MustParsePrefix("10.1.2.0/24")}), "ban-never has 10.1.0.0/16, in which 10.1.2.0/24 is")
	require.NoError(t, b.add(ban{Network: netip.MustParsePrefix("10.0.0.0/7")}))
}

// Bans and suspects are bounded: bans by hand stay, and the oldest automatic ones are dropped.
func TestBansAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := quietBans(banRules{after: 1, window: time.Minute, period: 24 * time.Hour})
		addr := func(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255) }
		require.NoError(t, b.add(ban{Network: netip.MustParsePrefix("192.0.2.0/24")}))
		for i := range mostBans {
			time.Sleep(time.Millisecond)
			fail(b, addr(i), 1)
		}
		require.Len(t, b.banned, mostBans)
		require.False(t, b.holdsFor(addr(0)))
		require.True(t, b.holdsFor(addr(1)))
		require.True(t, b.holdsFor("192.0.2.7"))
		require.NoError(t, b.add(ban{Network: netip.MustParsePrefix("198.51.100.0/24")}))
		require.False(t, b.holdsFor(addr(1)))
		for network, x := range b.banned {
			x.Automatic = false
			b.banned[network] = x
		}
		require.ErrorContains(t, b.add(ban{Network: netip.MustParsePrefix("203.0.113.0/24")}), "lift some")
		require.Len(t, b.banned, mostBans)

		b, _ = quietBans(threeTimes)
		for i := range mostSuspects + 1 {
			time.Sleep(time.Millisecond)
			fail(b, addr(i), 2)
		}
		require.Len(t, b.suspects, mostSuspects)
		fail(b, addr(0), 1) // forgotten
		require.False(t, b.holdsFor(addr(0)))
		fail(b, addr(5), 1)
		require.True(t, b.holdsFor(addr(5)))
	})
}

// Only the session that began while its address was being banned is ended.
func TestBanOfASessionThatBegins(t *testing.T) {
	b, _ := quietBans(threeTimes)
	var ended func(server.SessionInfo) bool
	b.end = func(match func(server.SessionInfo) bool) { ended = match }
	s := server.SessionInfo{ID: "1", Peer: netip.MustParseAddrPort("192.0.2.1:4711")}
	b.connected(s)
	require.Nil(t, ended)
	require.NoError(t, b.add(ban{Network: netip.MustParsePrefix("192.0.2.0/24")}))
	b.connected(s)
	require.True(t, ended(s))
	require.False(t, ended(server.SessionInfo{ID: "2", Peer: s.Peer}))
}

// An automatic ban ends the sessions of the address that are not logged in, and no others.
func TestBanByItselfEndsStrangers(t *testing.T) {
	b, _ := quietBans(threeTimes)
	var ended func(server.SessionInfo) bool
	b.end = func(match func(server.SessionInfo) bool) { ended = match }
	fail(b, "192.0.2.1", 3)
	s := server.SessionInfo{Peer: netip.MustParseAddrPort("192.0.2.1:4711")}
	require.True(t, ended(s))
	s.LoggedIn = time.Now()
	require.False(t, ended(s))
	require.False(t, ended(server.SessionInfo{Peer: netip.MustParseAddrPort("192.0.2.2:4711")}))
}

// Bans are read as they were written. A damaged file is an error that names the cure.
func TestBansFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bans.json")
	kept, err := readBans(path)
	require.NoError(t, err)
	require.Empty(t, kept)
	b, _ := quietBans(threeTimes)
	until := time.Now().Add(time.Hour).Round(0)
	require.NoError(t, b.add(ban{Network: netip.MustParsePrefix("192.0.2.0/24"), Since: time.Now().Round(0), Reason: "x", By: "uid 0"}))
	require.NoError(t, b.add(ban{Network: netip.MustParsePrefix("2001:db8::/64"), Since: time.Now().Round(0), Until: &until, Automatic: true}))
	require.NoError(t, writeBans(path, keptBans{stateVersion, b.list()}))
	info, err := os.Stat(path)
	require.NoError(t, err)
	if os.PathSeparator == '/' {
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
	kept, err = readBans(path)
	require.NoError(t, err)
	again, _ := quietBans(threeTimes)
	past := time.Now().Add(-time.Hour)
	again.restore(append(kept, ban{Network: netip.MustParsePrefix("198.51.100.1/32"), Until: &past}))
	want, err := json.Marshal(b.list())
	require.NoError(t, err)
	got, err := json.Marshal(again.list())
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, bad := range []string{
		"", string(text[:len(text)/2]), "{}", `{"version": 2}`, `{"version": 1, "bans": [{"network": "192.0.2.1/24"}]}`,
		`{"version": 1, "bans": [{"network": "0.0.0.0/0"}]}`, `{"version": 1, "bans": [{}]}`, `{"version": 1, "bans": [{"network": 5}]}`,
		`{"version": 1} x`, strings.Repeat(" ", mostState+1),
	} {
		require.NoError(t, os.WriteFile(path, []byte(bad), 0o600))
		_, err := readBans(path)
		require.ErrorContains(t, err, path+" can't be used: ", "%.40s", bad)
		require.ErrorContains(t, err, "remove the file, which lifts its bans")
	}
}

// If the new file can't be written, the old one stays.
func TestBansFileStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bans.json")
	b, _ := quietBans(threeTimes)
	require.NoError(t, b.add(ban{Network: netip.MustParsePrefix("192.0.2.0/24")}))
	require.NoError(t, writeBans(path, keptBans{stateVersion, b.list()}))
	require.Error(t, writeBans(filepath.Join(path, "bans.json"), keptBans{})) // the directory is a file
	require.ErrorContains(t, makeState(path), path)
	kept, err := readBans(path)
	require.NoError(t, err)
	require.Len(t, kept, 1)
}

// Options that make no sense are all reported at once.
func TestBanMistakes(t *testing.T) {
	_, err := load("serve", []string{"DIR", "--config=", "--ban-after=1001", "--ban-for=0s", "--ban-window=0s", "--ban-never=10.0.0.1/8"}, nil)
	for _, want := range []string{"--ban-after: 1001 is too many", "--ban-for: a ban of 0s", "--ban-window: nothing happens", "--ban-never: 10.0.0.1/8 is an address within a network"} {
		require.ErrorContains(t, err, want)
	}
	s, err := load("serve", []string{"DIR", "--config=", "--ban-after=5", "--shared-address"}, nil)
	require.NoError(t, err)
	require.Zero(t, s.automatic().after)
	got, err := checked(t.Context(), s, nil)
	require.ErrorContains(t, err, "DIR") // DIR is missing
	require.Empty(t, got)
	s.dir = t.TempDir()
	got, err = checked(t.Context(), s, nil)
	require.NoError(t, err)
	require.Contains(t, got, "unwise: --ban-after: there are no automatic bans, since --shared-address hides all clients")

	for line, want := range map[string]string{
		"ban":                          "say which one: sallyport ban ADDRESS",
		"ban 192.0.2.1 192.0.2.2":      "say which one",
		"ban office":                   `"office" is no network`,
		"ban 192.0.2.1/24":             "write 192.0.2.0/24 for the network",
		"ban 0.0.0.0/0":                "0.0.0.0/0 is everybody",
		"ban 192.0.2.1 --for 0s":       "without an end",
		"ban 192.0.2.1 --for -1h":      "is no duration",
		"ban 192.0.2.1 --for 1000000h": "can't last",
		"ban 192.0.2.1 --user x":       "unknown option --user",
		"unban":                        "say which one",
		"unban 192.0.2.1 --for 1h":     "unknown option --for",
		"bans 192.0.2.1":               "bans takes nothing but options",
	} {
		args := strings.Fields(line)
		_, _, err := parseOperate(args[0], args[1:])
		require.ErrorContains(t, err, want, line)
	}
}

// With a configuration file bans are kept, unless the option says otherwise.
func TestUsualState(t *testing.T) {
	t.Setenv("SALLYPORT_STATE_DIR", "/from/environment")
	for _, x := range []struct {
		args    []string
		environ []string
		path    string
		asked   bool
	}{
		{[]string{"--config="}, nil, "", false}, {nil, nil, usualState, false}, {[]string{"--state-dir="}, nil, "", true}, {[]string{"--state-dir=/x"}, nil, "/x", true},
		{nil, []string{"SALLYPORT_STATE_DIR=/y"}, "/y", true},
	} {
		s, err := load("serve", append([]string{"DIR", "--config", configure(t, alice)}, x.args...), x.environ)
		require.NoError(t, err)
		path, asked := s.statePath()
		require.Equal(t, []any{x.path, x.asked}, []any{path, asked}, "%q", x.args)
	}
}
