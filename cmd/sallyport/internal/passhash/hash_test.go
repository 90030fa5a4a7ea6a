package passhash

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	bcryptHash = "$2a$04$8es9iEKGKxZ.LBLNQJ7dRutJ6e.v0h0XcQOTb6WcXqcZk.eqec4.K"
	argonHash  = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
)

func check(t *testing.T, text, password string) bool {
	t.Helper()
	ok, err := NewChecker().Check(t.Context(), text, password)
	require.NoError(t, err)
	return ok
}

// Check accepts hashes of other programs: of the reference implementation of argon2, of libxcrypt and
// of OpenSSL.
func TestForeignHashes(t *testing.T) {
	for text, password := range map[string]string{
		bcryptHash: "secret",
		argonHash:  "password",
		"$2b$05$7WCQKqYyhj8b/PvfJb0vkO5k0U87hhPHq2oLh99VUaitnSynO/4lK":                                                            "secret",
		"$5$UJ2RmYqtqJJbk3NB$QXUH5vKU7XafoX38I.jRvty11Fz4rwZEEurnCMzW/75":                                                         "secret",
		"$6$95.TqoQDFQEOUWI1$fE47bK56WNp175b3To1fEBlS0ukqE4awlUP9Nu17KTmf6IH.o.u/oS/8hIb.CQpq2q30jT/0xyRaeWwt5cvhc0":              "secret",
		"$6$rounds=20000$gixQj6TL6T4QltCJ$0mzYxpAMFPzzwRH6YQO89I2hUtocygsZlhHshetj9/ciaMtsQoKeSy50UE5SL/TyriGXGKPtHZV2jgGblEpam.": "p$ä ss:word",
		"$6$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1":                           "secret",
		"$y$j9T$vZcF1A4wjZTP9EnJ41R.V/$OXGdLroF6BSzDYVYqOTpyxgmdFJUvzCH86/8ahMG2t7":                                               "secret",
		"$y$j75$jwK1vimAfKgC8DIKlVp381$9Bvyz30XvoLoPzIjCzZvSVSQ52Ld9opJU6bAP/Smzd6":                                               "secret",
		"$y$j7T$xHYi41Hbphug83ynKJGNp.$A009Yc5hdBEwTb2ZkALZ.Q5e1Ya64evQEboTZHAKCXA":                                               "secret",
	} {
		require.True(t, Is(text))
		require.NoError(t, Validate(text), text)
		require.True(t, check(t, text, password), text)
		for _, wrong := range []string{"", password + "x"} {
			require.False(t, check(t, text, wrong), "%s %q", text, wrong)
		}
		last := text[:len(text)-3] + "./A" // another key
		require.False(t, check(t, last, password), last)
	}
}

// Check accepts the hashes that Make makes.
func TestMake(t *testing.T) {
	for _, kind := range Kinds() {
		text, err := Make(kind, "secret")
		require.NoError(t, err)
		require.NoError(t, Validate(text))
		require.True(t, check(t, text, "secret"))
		again, err := Make(kind, "secret")
		require.NoError(t, err)
		require.NotEqual(t, text, again)
		_, err = Make(kind, "")
		require.ErrorContains(t, err, "empty")
		_, err = Make(kind, strings.Repeat("x", maxPassword+1))
		require.ErrorContains(t, err, "513 bytes; there may be 512")
	}
	_, err := Make("md5", "secret")
	require.EqualError(t, err, `"md5" is not known; want bcrypt, argon2id, sha512`)
}

// The error of a hash that costs too much or is damaged says what is allowed, and doesn't repeat the
// hash.
func TestValidate(t *testing.T) {
	for text, want := range map[string]string{
		"secret":   "this is no hash of a known kind (bcrypt, argon2id, SHA-crypt, yescrypt)",
		"":         "this is no hash of a known kind",
		"$1$a$b":   "hashes that begin with $1$ are not accepted; want bcrypt, argon2id, SHA-crypt ($5$, $6$) or yescrypt",
		"$apr1$a":  "hashes that begin with $apr1$ are not",
		"{SHA}abc": "hashes that begin with { are not",
		"$2y$10$x": "this bcrypt hash is damaged or demands more work than a cost of 16",
		strings.Replace(bcryptHash, "$04$", "$17$", 1):               "more work than a cost of 16",
		strings.Replace(argonHash, "m=65536", "m=262145", 1):         "this argon2id hash demands too much of each login: m=262145 (KiB), t=2; m may be 262144 at most, and m times t 1048576",
		strings.Replace(argonHash, "t=2", "t=17", 1):                 "demands too much",
		strings.Replace(argonHash, "t=2", "t=999999999", 1):          "demands too much",
		strings.Replace(argonHash, "m=65536", "m=7", 1):              "m=7, t=2 and p=1; want t of 1 or more, p from 1 to 16 and m of 8 times p or more",
		strings.Replace(argonHash, "t=2", "t=0", 1):                  "want t of 1",
		strings.Replace(argonHash, "p=1", "p=17", 1):                 "p from 1 to 16",
		strings.Replace(argonHash, "m=65536", "m=99999999999999", 1): "damaged",
		strings.Replace(argonHash, "v=19", "v=16", 1):                "damaged",
		argonHash[:60]: "this argon2id hash is damaged; want $argon2id$v=19$m=...,t=...,p=...$salt$key",
		"$6$rounds=999$abc$" + strings.Repeat("x", 86):     "this SHA-crypt hash has 999 rounds; want from 1000 to 1000000",
		"$6$rounds=1000001$abc$" + strings.Repeat("x", 86): "1000001 rounds",
		"$6$abc$" + strings.Repeat("x", 43):                "this SHA-crypt hash is damaged",
		"$5$abc$" + strings.Repeat("x", 86):                "this SHA-crypt hash is damaged",
		"$5$$" + strings.Repeat("x", 43):                   "this SHA-crypt hash is damaged",
		"$y$jET$abcd$" + strings.Repeat("x", 43):           "this yescrypt hash demands more than the 256 MiB that a login may take",
		"$y$jFz$abcd$" + strings.Repeat("x", 43):           "this yescrypt hash is damaged",
		"$y$j9T$abcd$" + strings.Repeat("x", 42):           "this yescrypt hash is damaged, or has parameters that mkpasswd doesn't make",
		"$y$k9T$abcd$" + strings.Repeat("x", 43):           "parameters that mkpasswd doesn't make",
	} {
		err := Validate(text)
		require.ErrorContains(t, err, want, text)
		if len(text) > 8 {
			require.NotContains(t, err.Error(), text)
		}
		require.False(t, check(t, text, "secret"))
	}
}

// Decoy returns a hash of the most usual kind.
func TestDecoy(t *testing.T) {
	other := strings.Replace(bcryptHash, "$04$", "$05$", 1)
	require.Equal(t, other, Decoy(slices.Values([]string{bcryptHash, argonHash, other, "nothing", "nothing", "nothing", other})))
	require.Equal(t, bcryptHash, Decoy(slices.Values([]string{argonHash, bcryptHash})), "a draw goes to the same always")
	require.Equal(t, bcryptHash, Decoy(slices.Values([]string{bcryptHash, argonHash})))
	require.Empty(t, Decoy(slices.Values([]string{"", "nothing"})))
}

// A Checker bounds the comparisons at once, and a caller whose context has ended doesn't wait for a
// place.
func TestPlaces(t *testing.T) {
	c := NewChecker()
	for range cap(c.places) {
		c.places <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := c.Check(ctx, bcryptHash, "secret")
		ended <- err
	}()
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	<-c.places
	ok, err := c.Check(t.Context(), bcryptHash, "secret")
	require.NoError(t, err)
	require.True(t, ok)
	_, err = c.Check(ctx, bcryptHash, "secret")
	require.ErrorIs(t, err, context.Canceled)
	ok, err = c.Check(t.Context(), bcryptHash, strings.Repeat("x", maxPassword+1))
	require.NoError(t, err)
	require.False(t, ok)
}

// Any hash that Validate accepts can be compared with a password.
func FuzzValidate(f *testing.F) {
	f.Add(bcryptHash)
	f.Add(argonHash)
	f.Add("$6$rounds=1000$abc$" + strings.Repeat("x", 86))
	f.Add("$y$j75$abcd$" + strings.Repeat("x", 43))
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parse(text)
		if err == nil && h.class() == "" {
			t.Fatal("no class")
		}
	})
}
