package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A user of this host can have a table, and the host still knows the password.
func TestHostLogin(t *testing.T) {
	h := newHostUsers(t)
	uid := h.user(t, "alice", "/bin/sh", hash+":19999:0:99999:7:::")
	h.user(t, "bob", "/bin/sh", hash+":19999:0:99999:7:::")
	other := h.user(t, "carol", "/bin/sh", hash+":19999:0:99999:7:::")
	shared := filepath.Join(h.homes, "shared")
	require.NoError(t, os.Mkdir(shared, 0o700))
	require.NoError(t, os.Chown(shared, other, other))
	c := h.start(t, "system-users-group = \"all\"\n[group.all]\nread-only = true\n[user.alice]\nhost-login = true\n[user.bob]\nhost-login = true\ngroup = \"all\"\nread-only = false\nsystem-user = \""+fmt.Sprintf("%d:%d", other, other)+"\"\nhome = \""+shared+"\"\n")
	for name, want := range map[string]struct {
		dir string
		uid int
	}{"alice": {filepath.Join(h.homes, "alice"), uid}, "bob": {shared, other}} {
		a, err := c.dial(t, name)
		require.NoError(t, err)
		require.NoError(t, a.Put("STOR file", "x"))
		info, err := os.Stat(filepath.Join(want.dir, "file"))
		require.NoError(t, err)
		require.EqualValues(t, want.uid, info.Sys().(*syscall.Stat_t).Uid, name)
	}
	c.wantRefused(t, "alice", "wrong", "530 Login incorrect.", "")
	a, err := c.dial(t, "carol")
	require.NoError(t, err)
	_, err = a.Cmd(550, "MKD d")
	require.NoError(t, err, "as the group says")
}

// What makes no sense in the table of a user of this host is a mistake.
func TestHostLoginMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"[user.alice]\nhost-login = true\n": `F:2:1: host-login: it needs --system-users or --pam, which judge the password`,
		"run-as = \"20000:20000\"\nsystem-users = true\n[user.alice]\nhost-login = true\npassword = \"" + hash + "\"\n": `F:5:1: password: this host knows the password of a user with host-login`,
		"run-as = \"20000:20000\"\nsystem-users = true\n[user.alice]\nhost-login = true\nhome = \"a\"\n":                `F:5:1: home: the home "a" is in the directory that is served, and there is none; want an absolute path`,
		"run-as = \"20000:20000\"\nsystem-users = true\n[user.alice]\nhost-login = true\nsystem-user = \"root\"\n":      `F:5:1: system-user: "root" is root, with whose rights nothing is done for clients`,
		"[anonymous]\nhome = \"/x\"\nhost-login = true\n":                                                               `F:3:1: anonymous.host-login: nobody has to prove to be anonymous; leave it out`,
	} {
		require.Contains(t, strings.ReplaceAll(complaints(t, configure(t, text), nil, nil), "sallyport.toml", "F"), want, text)
	}
}
