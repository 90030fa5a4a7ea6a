package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who is not in the list of users who may log in, or is in that of those who may not, gets the reply to a wrong
// password, and doesn't learn whether the password is right.
func TestUserLists(t *testing.T) {
	dir := t.TempDir()
	list := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return file
	}
	users := ""
	for _, name := range []string{"alice", "bob", "carol"} {
		users += fmt.Sprintf("[user.%s]\npassword = %q\n", name, hash)
	}
	text := fmt.Sprintf("allowed-users = %q\nrefused-users = %q\n", list("allowed", "# who may\nalice\n bob\r\nanonymous\n"), list("refused", "bob\n"))
	p := startConfigured(t, text+fmt.Sprintf("[anonymous]\nhome = %q\n", dir)+users)
	_, err := p.with(t, "alice", "secret")
	require.NoError(t, err)
	_, err = p.with(t, "anonymous", "x")
	require.NoError(t, err)
	p.wantRefused(t, "bob", "secret", "530 Login incorrect.", "refused-users has the name")
	p.wantRefused(t, "carol", "secret", "530 Login incorrect.", "allowed-users has not the name")
	p.wantRefused(t, "ftp", "x", "530 Login incorrect.", "allowed-users has not the name")

	list("refused", "alice\n")
	p.hangUp(t, "the configuration was read again")
	p.wantRefused(t, "alice", "secret", "530 Login incorrect.", "refused-users has the name")
	_, err = p.with(t, "bob", "secret")
	require.NoError(t, err)
}

// A list that is missing is a mistake: nobody knows who may log in.
func TestUserListMissing(t *testing.T) {
	require.Equal(t, "sallyport.toml:1:1: refused-users: open /nowhere: no such file or directory; make it, or name another", complaints(t, configure(t, "refused-users = \"/nowhere\"\ndir = \"/\"\n"), nil, nil))
}
