package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A root that can't be that of the user is a mistake.
func TestRootMistakes(t *testing.T) {
	user := "[user.alice]\npassword = \"" + hash + "\"\n"
	for text, want := range map[string]string{
		user + "root = \"srv\"\nhome = \"/srv/a\"\n":                                       `F:3:1: user.alice.root: "srv" is no absolute path, such as /`,
		user + "root = \"/srv\"\nhome = \"/var/a\"\n":                                      `F:3:1: user.alice.root: the home "/var/a" is not in /srv, which the user is to see`,
		user + "root = \"/srv\"\nhome = \"a\"\n":                                           `F:3:1: user.alice.root: the home "a" is not in /srv`,
		user + "root = \"/srv\"\n":                                                         `F:3:1: root: the home of user alice is missing, which is in it`,
		user + "root = \"/srv\"\nhome = \"/srv/a\"\nquota = \"1 GB\"\n":                    `F:3:1: user.alice.root: a quota and folders are of the home`,
		user + "root = \"/\"\nhome = \"/srv/a\"\nfolders = { b = { dir = \"/srv/b\" } }\n": `F:3:1: user.alice.root: a quota and folders are of the home`,
	} {
		require.Contains(t, strings.ReplaceAll(complaints(t, configure(t, text), nil, nil), "sallyport.toml", "F"), want, text)
	}
}

// Sessions start in the home, as the user sees it below the root.
func TestStart(t *testing.T) {
	for _, c := range []struct{ root, home, start, want string }{
		{"", "/srv/a", "", ""},
		{"", "/srv/a", "in", "in"},
		{"/", "/srv/a", "", "srv/a"},
		{"/srv/", "/srv/a", "in", "a/in"},
		{"/srv", "/srv", "", ""},
		{"/home/x", "/home/x/./in", "", "in"},
	} {
		require.Equal(t, c.want, (&account{Root: c.root, Home: c.home, Start: c.start}).start(), c)
	}
}
