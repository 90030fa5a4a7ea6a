package driver

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The decoy is the dearest of a hundred hashes, so that finding it takes as long
// with 100,000 accounts as with a few.
func TestDecoy(t *testing.T) {
	token, err := HashToken("0123456789abcdef")
	require.NoError(t, err)
	dear, err := HashPassword("secret")
	require.NoError(t, err)
	users := Users{"dear": {Hash: dear}}
	for i := range maxDecoys - 1 {
		users[fmt.Sprint(i)] = UserEntry{Hash: token}
	}
	for range 100 {
		require.Equal(t, dear, users.decoy(), "every one of a hundred is looked at")
	}
	require.Empty(t, Users{}.decoy())
	for i := range 100_000 {
		users[fmt.Sprint(i)] = UserEntry{Hash: token}
	}
	missed := 0
	for range 100 {
		if users.decoy() != dear {
			missed++
		}
	}
	require.NotZero(t, missed, "every one of 100,000 is looked at")
}

// BenchmarkUnknownUser is the login of an unknown name among 100,000 accounts.
func BenchmarkUnknownUser(b *testing.B) {
	token, err := HashToken("0123456789abcdef")
	require.NoError(b, err)
	for _, n := range []int{10, 100_000} {
		users := make(Users, n)
		for i := range n {
			users[fmt.Sprint(i)] = UserEntry{Hash: token}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				users.Login(b.Context(), &Login{User: "nobody", Password: "wrong"})
			}
		})
	}
}

// The password for an unknown name is compared with a hash that costs as much as
// one by HashPassword, and whose password nobody knows.
func TestUnknownUserCosts(t *testing.T) {
	hash, err := HashPassword("secret")
	require.NoError(t, err)
	token, err := HashToken("0123456789abcdef")
	require.NoError(t, err)
	for _, none := range []string{"", "*", "$token$", "$2a$31$" + hash[7:], hash[1:]} {
		h, own := usersHash(none)
		require.False(t, own)
		require.NoError(t, checkHash(h), "it is compared")
		require.Equal(t, cost(hash), cost(h), "%q", none)
	}
	for _, known := range []string{hash, token} {
		h, own := usersHash(known)
		require.True(t, own)
		require.Equal(t, known, h)
	}
}
