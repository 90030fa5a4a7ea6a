package driver_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/sallyport/sallyport/driver"
)

func login(d driver.Driver, user, password string) (driver.FS, error) {
	account, err := d.Login(context.Background(), &driver.Login{User: user, Password: password})
	if err != nil {
		return nil, err
	}
	return account.FS, nil
}

func validate(d driver.Driver) error { return d.(interface{ Validate() error }).Validate() }

// cheap returns a bcrypt hash that tests can afford.
func cheap(t testing.TB, password string) string {
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	return string(h)
}

func TestUser(t *testing.T) {
	files := driver.Mem()
	d := driver.User("alice", "correct horse", files)
	require.NoError(t, validate(d))
	got, err := login(d, "alice", "correct horse")
	require.NoError(t, err)
	assert.Same(t, files, got)
	for _, tt := range [][2]string{
		{"alice", ""}, {"alice", "wrong"}, {"alice", "correct horse "}, {"alice", "Correct horse"},
		{"bob", "correct horse"}, {"", "correct horse"}, {"", ""}, {"Alice", "correct horse"}, {"alice\x00", "correct horse"},
	} {
		files, err := login(d, tt[0], tt[1])
		assert.ErrorIs(t, err, driver.ErrLogin, "%q", tt)
		assert.Nil(t, files)
	}
}

func TestUserWithoutPassword(t *testing.T) {
	d := driver.User("", "", nil)
	err := validate(d)
	for _, want := range []string{"name is empty", "password is empty", "files are nil"} {
		assert.ErrorContains(t, err, want)
	}
	_, err = login(d, "", "")
	assert.ErrorIs(t, err, driver.ErrLogin)
	_, err = login(driver.User("a", "", driver.Mem()), "a", "")
	assert.ErrorIs(t, err, driver.ErrLogin)
	_, err = login(driver.User("a", "b", nil), "a", "b")
	assert.ErrorIs(t, err, driver.ErrLogin)
}

func TestUsers(t *testing.T) {
	token, err := driver.HashToken("0123456789abcdef")
	require.NoError(t, err)
	files, home := driver.Mem(), driver.Mem()
	hash := cheap(t, "secret")
	boom := errors.New("boom")
	users := driver.Users{
		"alice": {Hash: hash, Files: files},
		"apach": {Hash: "$2y" + hash[3:], Files: files},
		"other": {Hash: "$2b" + hash[3:], Files: files},
		"robot": {Hash: token, Files: files},
		"guest": {Hash: cheap(t, "guest"), Home: func(_ context.Context, l *driver.Login) (driver.FS, error) {
			assert.Equal(t, "guest", l.User)
			return home, nil
		}},
		"broke": {Hash: cheap(t, "broke"), Home: func(context.Context, *driver.Login) (driver.FS, error) { return nil, boom }},
	}
	require.NoError(t, users.Validate())
	for _, tt := range []struct {
		user, password string
		want           driver.FS
	}{
		{"alice", "secret", files}, {"apach", "secret", files}, {"other", "secret", files},
		{"robot", "0123456789abcdef", files}, {"guest", "guest", home},
	} {
		got, err := login(users, tt.user, tt.password)
		require.NoError(t, err, tt.user)
		assert.Same(t, tt.want, got)
		for _, wrong := range []string{"", tt.password + "x", users[tt.user].Hash} {
			_, err := login(users, tt.user, wrong)
			assert.ErrorIs(t, err, driver.ErrLogin, "%s %q", tt.user, wrong)
		}
	}
	_, err = login(users, "nobody", "secret")
	assert.Equal(t, driver.ErrLogin, err, "the same error as for a wrong password")
	_, err = login(users, "broke", "broke")
	assert.ErrorIs(t, err, boom)
	assert.NotErrorIs(t, err, driver.ErrLogin)
}

// Users log nobody in by a certificate alone, but don't refuse a client with a
// certificate before it has sent the password.
func TestUsersWithoutPassword(t *testing.T) {
	for name, d := range map[string]driver.Driver{
		"User":  driver.User("alice", "secret", driver.Mem()),
		"Users": driver.Users{"alice": {Hash: cheap(t, "secret"), Files: driver.Mem()}},
	} {
		for _, user := range []string{"alice", "nobody"} {
			l := &driver.Login{User: user, Certificate: new(x509.Certificate)}
			_, err := d.Login(t.Context(), l)
			assert.ErrorIs(t, err, driver.ErrNeedPassword, name)
			l.Certificate = nil
			_, err = d.Login(t.Context(), l)
			assert.ErrorIs(t, err, driver.ErrLogin, name)
		}
	}
}

// A hash is not computed for a client that is gone.
func TestUsersLookAtContext(t *testing.T) {
	users := driver.Users{"alice": {Hash: cheap(t, "secret"), Files: driver.Mem()}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, user := range []string{"alice", "nobody"} {
		_, err := users.Login(ctx, &driver.Login{User: user, Password: "wrong"})
		assert.ErrorIs(t, err, context.Canceled)
	}
}

func TestUsersBlankHash(t *testing.T) {
	empty := cheap(t, "")
	for _, hash := range []string{"", "*", "!", "x", "plain", "$2a$", "$token$", "$token$$", "$token$AAAAAAAAAAAAAAAA$", empty} {
		users := driver.Users{"a": {Hash: hash, Files: driver.Mem()}}
		for _, password := range []string{"", hash, "x", "plain"} {
			_, err := login(users, "a", password)
			assert.ErrorIs(t, err, driver.ErrLogin, "hash %q password %q", hash, password)
		}
		if hash != empty {
			assert.Error(t, users.Validate(), "%q", hash)
		}
	}
	_, err := login(driver.Users(nil), "a", "b")
	assert.ErrorIs(t, err, driver.ErrLogin)
}

func TestUsersValidateListsEverything(t *testing.T) {
	dear := "$2a$31$" + strings.Repeat("a", 53)
	users := driver.Users{
		"":    {Hash: cheap(t, "x"), Files: driver.Mem()},
		"a":   {},
		"b":   {Hash: "$1$salt$md5crypt", Files: driver.Mem()},
		"c":   {Hash: dear, Files: driver.Mem()},
		"d\n": {Hash: cheap(t, "x"), Files: driver.Mem(), Home: func(context.Context, *driver.Login) (driver.FS, error) { return nil, nil }},
	}
	err := users.Validate()
	for _, want := range []string{
		"a name is empty", `"a": no hash`, `"a" has neither`, `"b": not a bcrypt hash`, "cost 31", `"d\n" has both`,
	} {
		assert.ErrorContains(t, err, want)
	}
	assert.NotContains(t, err.Error(), "md5crypt", "a hash has no place in a log")
	_, err = login(users, "c", "x")
	assert.ErrorIs(t, err, driver.ErrLogin, "a hash that takes hours is not tried")
}

func TestHashPassword(t *testing.T) {
	h, err := driver.HashPassword("secret")
	require.NoError(t, err)
	_, err = login(driver.Users{"a": {Hash: h, Files: driver.Mem()}}, "a", "secret")
	assert.NoError(t, err)
	for _, password := range []string{"", strings.Repeat("x", 73)} {
		_, err := driver.HashPassword(password)
		assert.Error(t, err)
	}
	_, err = driver.HashToken("short")
	assert.ErrorContains(t, err, "HashPassword")
	a, err := driver.HashToken("0123456789abcdef")
	require.NoError(t, err)
	b, err := driver.HashToken("0123456789abcdef")
	require.NoError(t, err)
	assert.NotEqual(t, a, b, "salted")
}

// FuzzHash holds that no hash makes a login panic, and that only the password
// that a hash was made of logs in.
func FuzzHash(f *testing.F) {
	token, err := driver.HashToken("0123456789abcdef")
	require.NoError(f, err)
	f.Add(token, "0123456789abcdef")
	f.Add(cheap(f, "x"), "x")
	f.Add("$2a$04$", "")
	f.Add("$token$AAAAAAAAAAA$", "a")
	files := driver.Mem()
	f.Fuzz(func(t *testing.T, hash, password string) {
		if strings.HasPrefix(hash, "$2") && len(hash) > 6 && hash[4:6] != "04" {
			return // too dear
		}
		users := driver.Users{"a": {Hash: hash, Files: files}}
		_, err := login(users, "a", password)
		if err == nil {
			assert.NoError(t, users.Validate(), "a hash that logs in is valid")
			assert.NotEmpty(t, password)
		}
		_, err = login(users, "b", password)
		assert.ErrorIs(t, err, driver.ErrLogin)
	})
}
