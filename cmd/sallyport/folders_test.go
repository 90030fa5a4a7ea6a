package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is wrong with folders is told with its place.
func TestFoldersMistakes(t *testing.T) {
	alice := fmt.Sprintf("[user.alice]\npassword = %q\n", hash)
	for _, c := range []struct{ text, want string }{
		{"[user.alice.folders]\n\"/in\" = { dir = \"/srv/in\" }", `F:4:1: user.alice.folders."/in": "/in" is no name within the home; want one such as in/new, without a slash in front`},
		{"[user.alice.folders]\n\".\" = { dir = \"/srv/in\" }", `F:4:1: user.alice.folders.".": "." is no name within the home`},
		{"[user.alice.folders.in]\nread-only = true", `F:3:21: user.alice.folders.in.dir: it is missing: say which directory the folder is`},
		{"[user.alice.folders.in]\ndri = \"/srv\"", `F:4:1: user.alice.folders.in.dri: this is not known; did you mean dir?`},
		{"folders = [\"/srv\"]", `F:3:1: user.alice.folders: want a table, not a list`},
		{"folders = { in = \"/srv\" }", `F:3:13: user.alice.folders.in: want a table, not the text "/srv"`},
		{"[user.alice.folders]\nin = { dir = \"/srv/in\" }\nout = { dir = \"/srv/./in/\", read-only = true }", `F:5:1: folders.out: /srv/in is the folder "in", too; leave one of the two`},
		{"home = \"/srv\"\n[user.alice.folders]\nin = { dir = \"/srv\" }", `F:5:1: folders.in: /srv is the home, too; leave one of the two`},
		{"home = \"/srv\"\nquota = \"1 GB\"\n[user.alice.folders]\nin = { dir = \"/srv/in\" }", `F:6:1: folders.in: /srv/in and the home /srv have files in common, so the quota would miss what is stored; make the folder read-only, or leave the quota out`},
		{"quota = \"1 GB\"\n[user.alice.folders]\nin = { dir = \"/srv/in\" }", `F:3:1: quota: it holds for the home, and there are only folders; give the user a home, or leave the quota out`},
		{"[user.alice.folders]\nin = { dir = \"in\" }", `the directory to serve is missing`},
		{"group = \"g\"\n[group.g.folders]\nin = { dir = \"/srv/{user}\" }\n[user.\"..\"]\ngroup = \"g\"\npassword = \"" + hash + "\"", `".." can't be the name of a directory, which {user} would make of it`},
		{"home = \"/srv/a\"\nquota = \"1 GB\"\n[user.alice.folders]\nin = { dir = \"/srv/in\" }\n[user.bob]\npassword = \"" + hash + "\"\nhome = \"/srv/a\"\nquota = \"1 GB\"", `user bob has the home of user alice with another quota, uploads, umask, system-user, folders or check-program, or without; give both the same`},
	} {
		got := strings.ReplaceAll(complaints(t, configure(t, alice+c.text), nil, nil), "sallyport.toml", "F")
		require.Contains(t, got, c.want, c.text)
	}
	for _, right := range []string{
		"home = \"/srv\"\nquota = \"1 GB\"\n[user.alice.folders]\nin = { dir = \"/srv/in\", read-only = true }",
		"home = \"/srv/a\"\nquota = \"1 GB\"\n[user.alice.folders.in]\ndir = \"/srv/in\"",
		"[user.alice.folders.\"in/deep\"]\ndir = \"/srv/in\"",
	} {
		require.Empty(t, complaints(t, configure(t, alice+right), nil, nil), right)
	}
}

// The folders in the documents are valid.
func TestDocumentedFolders(t *testing.T) {
	_, text, _ := strings.Cut(documents(t)["operating.md"], "\n### Folders\n")
	text, _, _ = strings.Cut(text, "\n### ")
	blocks := regexp.MustCompile("(?ms)^```toml\n(.*?)^```").FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		require.Empty(t, complaints(t, configure(t, b[1]), nil, nil), b[1])
	}
}

// A user's folders take the place of those of the group, show has what holds, and check says which folder is missing.
func TestFoldersShown(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "pub"), 0o755))
	file := configure(t, fmt.Sprintf(`dir = %q
[group.g.folders]
own = { dir = "of-{user}" }
pub = { dir = "pub", read-only = true }
[user.alice]
group = "g"
password = %q
[user.bob]
group = "g"
password = %q
folders = { gone = { dir = "/no/such/dir" } }
`, dir, hash, hash))
	got := output(t, "config", "show", "--config", file, "--control=")
	require.Contains(t, got, fmt.Sprintf("folders = { \"own\" = { dir = %q }, \"pub\" = { dir = %q, read-only = true } }", filepath.Join(dir, "of-alice"), filepath.Join(dir, "pub")))
	require.Contains(t, got, `folders = { "gone" = { dir = "/no/such/dir" } }`)
	got = strings.ReplaceAll(output(t, "config", "check", "--config", file, "--control="), file, "F")
	require.Regexp(t, `unwise: F:3:1: user alice can't log in: .*of-alice`, got)
	require.Regexp(t, `unwise: F:11:13: user bob can't log in: .*/no/such/dir`, got)
	require.NotContains(t, got, "F:4:1")
}
