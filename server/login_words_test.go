package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	stdtls "crypto/tls"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// refuseWith has each login end with the error that judge returns for it.
func refuseWith(judge func(l *driver.Login) error) func(*server.Server) {
	return func(srv *server.Server) {
		srv.Driver = driver.Func(func(_ context.Context, l *driver.Login) (*driver.Account, error) {
			if err := judge(l); err != nil {
				return nil, err
			}
			return &driver.Account{FS: driver.Mem()}, nil
		})
	}
}

// A driver's own words reach the client that logs in, and no other text does.
func TestLoginRefusedInWords(t *testing.T) {
	secret := errors.New("dial tcp 10.1.2.3:389: connection refused")
	const silent = "530 Login incorrect."
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"wrong":        {driver.ErrLogin, silent},
		"outage":       {secret, silent},
		"words":        {&driver.Error{Code: 530, Text: "The account has expired."}, "530 The account has expired."},
		"policy":       {&driver.Error{Code: 534, Text: "Not from this network.", Err: secret}, "534 Not from this network."},
		"last code":    {&driver.Error{Code: 539, Text: "No."}, "539 No."},
		"wrapped":      {fmt.Errorf("tenant 7: %w", &driver.Error{Code: 530, Text: "Closed for maintenance."}), "530 Closed for maintenance."},
		"wrong, words": {&driver.Error{Code: 530, Text: "Wrong; see https://example.com/reset.", Err: driver.ErrLogin}, "530 Wrong; see https://example.com/reset."},
		"need, words":  {&driver.Error{Code: 530, Text: "Use a token.", Err: driver.ErrNeedPassword}, "530 Use a token."},
		"end":          {&driver.Error{Code: 421, Text: "Come back at noon."}, "421 Come back at noon."},
		"wrong code":   {&driver.Error{Code: 230, Text: "Welcome."}, "530 Welcome."},
		"file code":    {&driver.Error{Code: 550, Text: "Nothing here."}, "530 Nothing here."},
		"two lines":    {&driver.Error{Code: 530, Text: "Closed.\r\n230 Logged in."}, "530 Closed.??230 Logged in."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ts := start(t, insecure, refuseWith(func(*driver.Login) error { return c.err }))
			client := ts.dial(t)
			client.cmd(331, "USER alice")
			client.send("PASS x")
			r, err := client.ReadReply()
			require.NoError(t, err)
			require.Equal(t, c.want, r.String())
			if r.Code == 421 {
				client.end()
			} else {
				client.cmd(530, "PWD")
			}
			require.Len(t, ts.logins, 1)
			require.ErrorIs(t, ts.logins[0].Err, c.err)
			if strings.Contains(c.err.Error(), secret.Error()) {
				require.Contains(t, ts.Log.String(), secret.Error())
			}
		})
	}
}

// Only wrong credentials are guesses, which slow down the next login and end the
// session. A refusal for another reason does neither, nor does an outage.
func TestOnlyWrongCredentialsCount(t *testing.T) {
	words := &driver.Error{Code: 530, Text: "The account has expired."}
	for name, c := range map[string]struct {
		err    error
		counts bool
	}{
		"words":        {words, false},
		"outage":       {errors.New("the directory is out of order"), false},
		"wrong":        {driver.ErrLogin, true},
		"wrapped":      {fmt.Errorf("bob: %w", driver.ErrLogin), true},
		"wrong, words": {&driver.Error{Code: 530, Text: "Wrong.", Err: driver.ErrLogin}, true},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, func(t *testing.T, fs *fakeServer) {
				client := fs.connected(t, "198.51.100.7")
				for i := range server.DefaultMaxLoginFailures - 1 {
					var wait time.Duration
					if c.counts && i > 0 {
						wait = 500 * time.Millisecond
					}
					after(t, wait, func() {
						client.cmd(331, "USER alice")
						client.cmd(530, "PASS x")
					})
				}
				client.cmd(331, "USER alice")
				if c.counts {
					client.cmd(421, "PASS x")
					client.end()
					return
				}
				after(t, 0, func() { client.cmd(530, "PASS x") })
				for range 20 { // beyond the limits of a session and of an address
					client.cmd(331, "USER alice")
					client.cmd(530, "PASS x")
				}
			}, refuseWith(func(*driver.Login) error { return c.err }))
		})
	}
}

// The words of a driver about a certificate are the reply to USER. Whether a
// password may follow depends on ErrLogin alone.
func TestCertificateRefusedInWords(t *testing.T) {
	var certs []stdtls.Certificate
	words := &driver.Error{Code: 532, Text: "Order an account for this certificate first."}
	wrong := &driver.Error{Code: 530, Text: "Wrong.", Err: driver.ErrLogin}
	ts := start(t, certified(t, driver.ErrLogin, &certs), refuseWith(func(l *driver.Login) error {
		if l.User == "alice" {
			return words
		}
		return wrong
	}))
	cfg := ts.Config.Clone()
	cfg.Certificates = certs[:1]
	c := newClient(t, dialTCP(t, ts.Addr), cfg)
	c.expect(220)
	c.authTLS()
	require.Equal(t, "532 "+words.Text, c.cmd(532, "USER alice").String())
	c.cmd(503, "PASS x")
	c.cmd(331, "USER bob")
	require.Equal(t, "530 "+wrong.Text, c.cmd(530, "PASS x").String())
}
