package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The check warns once of a home in memory, unless nothing can be stored
// there.
func TestConfigCheckOfFileSystem(t *testing.T) {
	const memory = "/dev/shm"
	var fs unix.Statfs_t
	if unix.Statfs(memory, &fs) != nil || fs.Type != unix.TMPFS_MAGIC {
		t.Skip(memory + " is no tmpfs here")
	}
	home, err := os.MkdirTemp(memory, "sallyport-")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { os.Remove(home) })
	file := configure(t, alice+"home = \""+home+"\"\n[user.bob]\npassword = \""+hash+"\"\nhome = \""+home+"\"\n")
	got := output(t, "config", "check", t.TempDir(), "--config", file)
	want := file + ":3:1: a crash of this host can take files of " + home + " that clients were told are stored: its file system is in memory"
	require.Contains(t, got, want)
	require.NotContains(t, got, file+":6:1: a crash")
	file = configure(t, alice+"home = \""+home+"\"\nread-only = true\n")
	require.NotContains(t, output(t, "config", "check", t.TempDir(), "--config", file), "a crash of this host can take files of "+home)
}

// The installed command warns of all that is legal but unwise, with the place, and ends with success; it says nothing
// of that where all is well.
func TestConfigCheckCommand(t *testing.T) {
	cert, key := weak(t)
	check := func(text string) string {
		cmd := exec.Command(mustBinary(t), "config", "check", "--config", configure(t, text), "--control=")
		cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GODEBUG=") })
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	unwise := []string{
		":1:1: cert: the certificate ends on ", ":1:1: cert: the key is RSA of 1024 bits",
		":2:1: key: " + key + ": every user of this host can read it; chmod o= ",
		":3:1: announce: 192.168.1.7 is a private address", ":4:1: insecure-plaintext: anybody on the way can read passwords",
		":7:1: a crash of this host can take files of /proc that clients were told are stored: its file system can't bring them to a disk (sync /proc: invalid argument)",
	}
	got := check(fmt.Sprintf("cert = %q\nkey = %q\nannounce = \"192.168.1.7\"\ninsecure-plaintext = true\n", cert, key) + alice + "home = \"/proc\"\n")
	for _, want := range unwise {
		require.Regexp(t, `(?m)^unwise: \S+sallyport\.toml`+regexp.QuoteMeta(want), got)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	cert, key = certified(t, private, 90*24*time.Hour)
	require.NoError(t, os.Chmod(key, 0o600))
	got = check(fmt.Sprintf("cert = %q\nkey = %q\nannounce = \"203.0.113.7\"\n", cert, key) + alice + "home = \"/\"\n")
	for _, not := range []string{"cert:", "key:", "announce:", "insecure-plaintext:", "sallyport.toml:6:1"} {
		require.NotContains(t, got, not)
	}
}
