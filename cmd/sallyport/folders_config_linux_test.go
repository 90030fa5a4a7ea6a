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
	_, more, _ := strings.Cut(documents(t)["operating.md"], "\n### A folder in a bucket\n")
	more, _, _ = strings.Cut(more, "\n### ")
	keys := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keys, []byte("access-key = \"a\"\nsecret-key = \"b\"\n"), 0o600))
	blocks := regexp.MustCompile("(?ms)^```toml\n(.*?)^```").FindAllStringSubmatch(text+more, -1)
	require.Len(t, blocks, 2)
	for _, b := range blocks {
		here := strings.NewReplacer("\"sallyport\"", "\"20000:20000\"", "\"ftp\"", "\"20001:20001\"", "/etc/sallyport/exchange.keys", keys)
		require.Empty(t, complaints(t, configure(t, here.Replace(b[1])), nil, nil), b[1])
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

// What is wrong with buckets is told with its place, and never the keys.
func TestBucketMistakes(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keys, []byte("access-key = \"AKEXAMPLE\"\nsecret-key = \"top\"\n"), 0o600))
	half := filepath.Join(t.TempDir(), "half")
	require.NoError(t, os.WriteFile(half, []byte("access-key = \"AKEXAMPLE\"\nsecret-keys = \"top\"\n"), 0o600))
	open := filepath.Join(t.TempDir(), "open")
	require.NoError(t, os.WriteFile(open, []byte("access-key = \"AKEXAMPLE\"\nsecret-key = \"top\"\n"), 0o644))
	bucket := fmt.Sprintf("run-as = \"20000:20000\"\nsystem-user = \"20001:20001\"\n[bucket.b]\nendpoint = \"s3.example.com\"\nkeys = %q\n", keys)
	alice := fmt.Sprintf("[user.alice]\npassword = %q\n", hash)
	for _, c := range []struct{ text, want string }{
		{"[bucket.b]", "F:1:9: bucket.b.endpoint: it is missing: say which host has the store, such as s3.eu-central-1.amazonaws.com\nF:1:9: bucket.b.keys: it is missing: say which file has the keys of the store, access-key and secret-key"},
		{"[bucket.b]\nkeys = \"/no/such\"\nendpoint = \"https://x/\"", `F:3:1: bucket.b.endpoint: "https://x/" is no host; want one such as s3.eu-central-1.amazonaws.com or 10.0.0.5:9000, without https:// and path`},
		{"[bucket.b]\nendpoint = \"x\"\nkeys = \"/no/such\"", `F:3:1: open /no/such: no such file or directory`},
		{"[bucket.b]\nendpoint = \"x\"\nkeys = \"" + half + "\"", half + `:2:1: secret-keys: this is not known; did you mean secret-key?`},
		{"[bucket.b]\nendpoint = \"x\"\nkeys = \"" + open + "\"", `F:3:1: every user of this host can read or change ` + open + `; chmod o= ` + open},
		{"[bucket.b]\nendpoint = \"x:99999\"\nkeys = \"" + keys + "\"", `F:2:1: bucket.b.endpoint: "x:99999" is no host`},
		{"[bucket.b]\nendpoint = \"x y\"\nkeys = \"" + keys + "\"", `F:2:1: bucket.b.endpoint: `},
		{bucket + alice + "folders = { in = { bucket = \"c\" } }", `F:8:20: user.alice.folders.in.bucket: there is no bucket "c"; did you mean b?`},
		{bucket + alice + "folders = { in = { bucket = \"b\", dir = \"/srv\" } }", `F:8:34: user.alice.folders.in.dir: the folder is a bucket; leave one of the two`},
		{bucket + alice + "folders = { in = { dir = \"/srv\", prefix = \"x\" } }", `F:8:34: user.alice.folders.in.prefix: it means nothing without bucket`},
		{bucket + alice + "folders = { in = { bucket = \"b\", prefix = \"../x\" } }", `F:8:34: user.alice.folders.in.prefix: "../x" is no prefix; want names with slashes between them, such as vendors/{user}`},
		{bucket + alice + "home = \"/srv\"\nfolders = { \".\" = { bucket = \"b\" } }", `F:9:13: user.alice.folders.".": the home /srv has this name already; leave one of the two`},
		{"check-program = [\"/bin/true\"]\n" + bucket + alice + "folders = { in = { bucket = \"b\" } }", `F:9:13: folders.in: check-program can't look at what goes to a bucket; make the folder read-only, or have no program for this user: check-program = []`},
	} {
		got := strings.ReplaceAll(complaints(t, configure(t, c.text), nil, nil), "sallyport.toml", "F")
		require.Contains(t, got, c.want, c.text)
		require.NotContains(t, got, "top")
	}
	got := complaints(t, configure(t, "s3-helper = \"sallyport-s3\"\n"+bucket), []string{t.TempDir()}, nil)
	require.Contains(t, got, `s3-helper: "sallyport-s3" is no absolute path; want one such as /usr/local/bin/sallyport-s3`)
	right := bucket + alice + "folders = { \".\" = { bucket = \"b\", prefix = \"of/{user}\" } }"
	file := configure(t, right)
	require.Empty(t, complaints(t, file, nil, nil))
	got = output(t, "config", "show", "--config", file, "--control=")
	require.Contains(t, got, `folders = { "." = { bucket = "b", prefix = "of/alice" } }`)
	require.NotContains(t, got, "top")
}
