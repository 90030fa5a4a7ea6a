package passhash

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// Check accepts hashes of this host's mkpasswd, for all sorts of passwords.
func TestMkpasswd(t *testing.T) {
	mkpasswd := testenv.NeedBinary(t, "mkpasswd")
	for _, kind := range [][]string{{"bcrypt", "-R", "5"}, {"bcrypt-a", "-R", "5"}, {"sha256crypt"}, {"sha512crypt"}, {"sha512crypt", "-R", "7777"}, {"yescrypt", "-R", "1"}, {"yescrypt", "-R", "3"}, {"yescrypt"}} {
		for _, password := range []string{"päss:$word 'with' \"all\"", strings.Repeat("long", 18)} {
			cmd := exec.CommandContext(t.Context(), mkpasswd, append([]string{"-s", "-m"}, kind...)...)
			cmd.Stdin = strings.NewReader(password + "\n")
			out, err := cmd.Output()
			require.NoError(t, err)
			text := strings.TrimSpace(string(out))
			require.NoError(t, Validate(text), text)
			require.True(t, check(t, text, password), text)
		}
	}
}

// mkpasswd makes the same hash as Make of a password with the same salt.
func TestMakeAsMkpasswd(t *testing.T) {
	mkpasswd := testenv.NeedBinary(t, "mkpasswd")
	text, err := Make("sha512", "secret")
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), mkpasswd, "-m", "sha512crypt", "-R", "100000", "-S", strings.Split(text, "$")[3], "secret").Output()
	require.NoError(t, err)
	require.Equal(t, text, strings.TrimSpace(string(out)))
}
