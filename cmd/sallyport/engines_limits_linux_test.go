package main

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// Sessions of engines of before an upgrade count towards the limits of all, of an address and of an account, until they
// end.
func TestEnginesLimits(t *testing.T) {
	for name, limit := range map[string]string{"all": "max-sessions = 2", "an address": "max-sessions-per-address = 2", "an account": ""} {
		t.Run(name, func(t *testing.T) {
			u := startUpgradable(t, limit, 3, func(*exec.Cmd) {})
			if limit == "" {
				u.rewrite(t, u.text("")+"sessions = 2\n", reread) // ends with the table of bob
			}
			first := u.mustLogin(t, "bob")
			u.upgrade(t)
			second := u.mustLogin(t, "bob")
			refused := func() bool {
				c, err := u.login(t, "bob", true)
				if err == nil {
					c.Conn.Close()
				}
				return err != nil
			}
			require.True(t, refused())
			require.NoError(t, there(first, "first"))
			require.NoError(t, there(second, "second"))
			require.NoError(t, first.Close())
			require.Eventually(t, func() bool { return !refused() }, time.Minute, 50*time.Millisecond, "the place is free again")
		})
	}
}

// Sessions of an account that log in to several engines one right after the other are never more than the account may
// have, and as many as it may have.
func TestEnginesLimitsAtOnce(t *testing.T) {
	const most = 3
	u := startUpgradable(t, "", 3, func(*exec.Cmd) {})
	u.rewrite(t, u.text("")+fmt.Sprintf("sessions = %d\n", most), reread) // ends with the table of bob
	var waiting []*ftpclient.Client
	connect := func() {
		for range 2 * most {
			waiting = append(waiting, u.mustLogin(t, "alice"))
		}
	}
	connect()
	u.upgrade(t)
	connect()
	in := 0
	for i := range 2 * most {
		for _, c := range []*ftpclient.Client{waiting[i], waiting[2*most+i]} { // of the old engine, and of the new one
			if c.Login("bob", "secret") == nil {
				in++
			}
		}
	}
	require.Equal(t, most, in)
}

// failLogin has a session try to log in with a wrong password.
func failLogin(t *testing.T, c *ftpclient.Client) {
	t.Helper()
	_, err := c.Cmd(331, "USER bob")
	require.NoError(t, err)
	_, err = c.Cmd(530, "PASS wrong")
	require.NoError(t, err)
}

// Failed logins count together, whichever engine has seen them and when.
func TestEnginesFailures(t *testing.T) {
	u := startUpgradable(t, "ban-after = 3", 3, func(*exec.Cmd) {})
	old, witness, other := u.mustLogin(t, "alice"), u.mustLogin(t, "alice"), u.mustLogin(t, "alice")
	failLogin(t, old)
	u.upgrade(t)
	require.Empty(t, told[banList](t, u.controlled, "bans").Bans)
	young := u.mustLogin(t, "alice")
	failLogin(t, young)
	require.Empty(t, told[banList](t, u.controlled, "bans").Bans)
	failLogin(t, u.mustLogin(t, "alice"))
	var bans []ban
	require.Eventually(t, func() bool {
		bans = told[banList](t, u.controlled, "bans").Bans
		return len(bans) == 1
	}, time.Minute, 50*time.Millisecond)
	require.True(t, bans[0].Automatic)
	require.Contains(t, bans[0].Reason, "3 refused")
	ended(t, old) // is not logged in any more
	require.NoError(t, there(witness, "logged-in"))

	require.Len(t, told[unbanned](t, u.controlled, "unban", "127.0.0.1").Bans, 1)
	for _, c := range []*ftpclient.Client{witness, other, witness} { // all in the old engine
		failLogin(t, c)
	}
	require.Eventually(t, func() bool { return len(told[banList](t, u.controlled, "bans").Bans) == 1 }, time.Minute, 50*time.Millisecond)
	_, err := u.login(t, "alice", true)
	require.Error(t, err)
}
