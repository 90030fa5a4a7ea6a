package driver_test

import (
	"context"
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func TestCheckPassword(t *testing.T) {
	token, err := driver.HashToken("0123456789abcdef")
	require.NoError(t, err)
	check := func(hash, password string) error {
		return driver.CheckPassword(t.Context(), &driver.Login{User: "alice", Password: password}, hash)
	}
	for hash, right := range map[string]string{cheap(t, "secret"): "secret", token: "0123456789abcdef"} {
		assert.NoError(t, check(hash, right))
		for _, wrong := range []string{"", right + "x", "Secret", hash} {
			assert.Equal(t, driver.ErrLogin, check(hash, wrong), "%q", wrong)
		}
	}
	for _, none := range []string{"", "!", "secret", "$token$", "$1$salt$md5crypt", "$2a$31$" + cheap(t, "secret")[7:]} {
		for _, password := range []string{"", "secret", none} {
			assert.Equal(t, driver.ErrLogin, check(none, password), "hash %q, password %q", none, password)
		}
	}
}

func TestCheckPasswordAsksForOne(t *testing.T) {
	l := &driver.Login{User: "alice", Certificate: new(x509.Certificate)}
	assert.Equal(t, driver.ErrNeedPassword, driver.CheckPassword(t.Context(), l, cheap(t, "secret")))
	assert.Equal(t, driver.ErrNeedPassword, driver.CheckPassword(t.Context(), l, ""), "for an unknown name as well")
}

func TestCheckPasswordLooksAtContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := &driver.Login{User: "alice", Password: "secret"}
	assert.ErrorIs(t, driver.CheckPassword(ctx, l, cheap(t, "secret")), context.Canceled)
	assert.ErrorIs(t, driver.CheckPassword(ctx, l, ""), context.Canceled)
}
