package hostuser

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
)

// hash is the bcrypt hash of "secret" with the least work, and weak is another hash of that kind.
const hash = "$2a$04$8es9iEKGKxZ.LBLNQJ7dRutJ6e.v0h0XcQOTb6WcXqcZk.eqec4.K"

// today is day 20000 of shadow files.
var today = time.Unix(20000*24*60*60+3600, 0)

// judged returns the verdict on a login of alice with the right password, given her line of the shadow
// file.
func judged(t *testing.T, line string, change func(*Files)) Verdict {
	t.Helper()
	f := &Files{
		Passwd: []byte("+\n# no line\nalice:x:1001:1002:Alice,,,:/home/alice:/bin/bash\nalice:x:0:0::/:/bin/sh\n"),
		Shadow: []byte("alice:" + line + "\n"),
		Group:  []byte("staff:x:50:bob,alice\nalice:x:1002:alice\nadm:x:4:alicebob\nstaff:x:50:alice\nwheel:x:-1:alice\n"),
		Shells: []byte("# of this host\n/bin/bash # the usual\n"),
	}
	if change != nil {
		change(f)
	}
	v, err := f.Judge(t.Context(), passhash.NewChecker().Check, "alice", "secret", today)
	require.NoError(t, err)
	return v
}

// The line of the shadow file decides as shadow(5) says.
func TestJudgeShadow(t *testing.T) {
	for line, want := range map[string]string{
		hash + ":19999:0:99999:7:::":       "",
		hash + ":::::::":                   "",
		hash + ":20001:0:1:7:::":           "", // changed tomorrow
		hash + ":19990:0:10:7:::":          "",
		hash + ":19989:0:10:7:::":          "the password has expired",
		hash + ":19989:0:10:7:1::":         "the password has expired",
		hash + ":19988:0:10:7:1::":         "the password has expired, and the account with it",
		hash + ":0:0:99999:7:::":           "the password has to be changed at the first login",
		hash + ":19999:0:99999:7::1:":      "the account has expired",
		hash + ":::::0::":                  "",
		hash + ":::::::0":                  "",
		hash + "::::::20000:":              "the account has expired",
		hash + "::::::20001:":              "",
		hash + "::::::0:":                  "the account has expired",
		hash + "::::::soon:":               "a date in the shadow file is no number of days, so nobody knows whether it is over",
		hash + ":19999:0:many::::":         "a date in the shadow file is no number of days, so nobody knows whether it is over",
		hash + "::::::99999999999:":        "",
		hash + "::::::-1:":                 "",
		"!" + hash + ":19999:0:99999:7:::": "the password is locked",
		"!:19999::::::":                    "the password is locked",
		"*:19999::::::":                    "the password is locked",
		":19999::::::":                     "the user has no password",
		"$token$x:19999::::::":             "the hash is of a kind that no shadow file has",
		"$1$salt$abc:19999::::::":          "hashes that begin with $1$ are not accepted; want bcrypt, argon2id, SHA-crypt ($5$, $6$) or yescrypt",
		hash:                               "the shadow file has no line of the user",
	} {
		v := judged(t, line, nil)
		require.True(t, v.Known)
		require.Equal(t, want, v.Reason, line)
	}
	v := judged(t, hash+":19989:0:10:7:::", nil)
	require.Equal(t, "The password has expired. It has to be changed first, and not by FTP.", v.Told)
	require.Empty(t, judged(t, "!"+hash+":19999:0:99999:7:::", nil).Told)
}

// The other files decide as well, and the client may hear why once the password is right.
func TestJudgeFiles(t *testing.T) {
	good := hash + ":19999:0:99999:7:::"
	require.Equal(t, User{Name: "alice", UID: 1001, GID: 1002, Groups: []int{50}, Home: "/home/alice", Shell: "/bin/bash"}, judged(t, good, nil).User)
	shell := func(text string, shells []byte) string {
		return judged(t, good, func(f *Files) {
			f.Passwd, f.Shells = fmt.Appendf(nil, "alice:x:1001:1002::/home/alice:%s\n", text), shells
		}).Reason
	}
	for _, c := range []struct{ shell, shells, want string }{
		{"/bin/bash", "/bin/bash", ""},
		{"/bin/bas", "/bin/bash\n", `the shell "/bin/bas" is not one to log in with`},
		{"/usr/sbin/nologin", "/usr/sbin/nologin\n", `the shell "/usr/sbin/nologin" is not one to log in with`},
		{"/bin/false", "/bin/false\n", `the shell "/bin/false" is not one to log in with`},
		{"", "/bin/sh\n", ""},
		{"", "", `the shell "" is not one to log in with`},
	} {
		require.Equal(t, c.want, shell(c.shell, []byte(c.shells)), c.shell)
	}
	require.Empty(t, shell("/bin/sh", nil))
	require.NotEmpty(t, shell("/bin/bash", nil))
	require.Equal(t, "ftpusers names the user", judged(t, good, func(f *Files) { f.FTPUsers = []byte("# not these:\nroot\n alice # for now") }).Reason)
	require.Empty(t, judged(t, good, func(f *Files) { f.FTPUsers = []byte("root\n#alice\nalic\n") }).Reason)
}

// Each login costs one comparison with a hash of the same kind, whether the name is known or not.
func TestJudgeCost(t *testing.T) {
	f := &Files{
		Passwd: []byte("alice:x:1:1::/:/bin/sh\nbob:x:2:2::/:/bin/sh\ncarol:x:3:3::/:/bin/sh\n"),
		Shadow: []byte("alice:" + hash + ":::::::\nbob:!" + hash + ":::::::\n"),
	}
	for _, name := range []string{"alice", "bob", "carol", "nobody"} {
		var asked []string
		_, err := f.Judge(t.Context(), func(_ context.Context, hash, password string) (bool, error) {
			asked = append(asked, hash)
			return false, nil
		}, name, "wrong", today)
		require.NoError(t, err)
		require.Equal(t, []string{hash}, asked, name)
	}
	v, err := f.Judge(t.Context(), passhash.NewChecker().Check, "nobody", "secret", today)
	require.NoError(t, err)
	require.Equal(t, Verdict{}, v, "a decoy lets nobody in")
	v, err = f.Judge(t.Context(), passhash.NewChecker().Check, "bob", "secret", today)
	require.NoError(t, err)
	require.NotEmpty(t, v.Reason)
}

// Any files can be read to the end, and a login needs a line of the user in both passwd and shadow.
func FuzzJudge(f *testing.F) {
	f.Add([]byte("alice:x:1001:1002::/home/alice:/bin/sh\n"), []byte("alice:"+hash+":19999:0:99999:7:::\n"), []byte("staff:x:50:alice\n"))
	f.Fuzz(func(t *testing.T, passwd, shadow, group []byte) {
		files := &Files{Passwd: passwd, Shadow: shadow, Group: group}
		v, err := files.Judge(t.Context(), func(context.Context, string, string) (bool, error) { return true, nil }, "alice", "secret", today)
		require.NoError(t, err)
		if v.Known && v.Reason == "" {
			require.Contains(t, string(passwd), "alice:")
			require.Contains(t, string(shadow), "alice:$")
		}
	})
}
