package main

import (
	"os"
	"testing"

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
