package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// hash is the bcrypt hash of "secret", with the least work.
const hash = "$2a$04$8es9iEKGKxZ.LBLNQJ7dRutJ6e.v0h0XcQOTb6WcXqcZk.eqec4.K"

// configure writes configuration files and returns the name of the first. complaints calls it F.
func configure(t testing.TB, texts ...string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "conf.d"), 0o755))
	name := filepath.Join(dir, "sallyport.toml")
	for i, text := range texts {
		file := name
		if i > 0 {
			file = filepath.Join(dir, "conf.d", string(rune('a'+i))+".toml")
		}
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	return name
}

// complaints returns the errors of load for a configuration file.
func complaints(t *testing.T, file string, args, environ []string) string {
	t.Helper()
	_, err := load("serve", append([]string{"--config", file}, args...), environ)
	if err == nil {
		return ""
	}
	require.True(t, errors.As(err, new(*usageError)), "%T", err)
	return strings.ReplaceAll(err.Error(), filepath.Dir(file)+"/", "")
}

// The highest layer that sets an option replaces all lower ones, and a later file replaces earlier ones.
func TestLayers(t *testing.T) {
	file := configure(t, `
dir = "/srv/file"
listen = ":1"
passive = "30000-30001"
disable = ["DELE", "SITE CHMOD"]
active = true
drain = "1m"
proxy-protocol = ["10.0.0.1", "10.0.0.2"]
announce = "203.0.113.1"
`, `announce = "203.0.113.2"
disable = ["RNFR"]`, `disable = ["MKD", "RMD"]`)
	s, err := load("serve", []string{"--config", file, "--listen", ":3", "--proxy-protocol", "10.0.0.5,10.0.0.6", "--proxy-protocol", "10.0.0.7"},
		[]string{"SALLYPORT_LISTEN=:2", "SALLYPORT_PASSIVE=30005", "SALLYPORT_ACTIVE=false", "SALLYPORT_PROXY_PROTOCOL=10.0.0.4", "HOME=/"})
	require.NoError(t, err)
	require.Equal(t, "/srv/file", s.dir)
	require.Equal(t, ":3", s.listen)
	require.Equal(t, "30005", s.passive)
	require.False(t, s.active)
	require.Equal(t, time.Minute, s.drain)
	require.Equal(t, []string{"MKD", "RMD"}, s.disabled)
	require.Equal(t, "203.0.113.2", s.announce)
	require.Len(t, s.proxies, 3)
	require.Equal(t, "10.0.0.5/32", s.proxies[0].String())

	s, err = load("serve", []string{"/srv/arg"}, []string{"SALLYPORT_CONFIG=" + file, "SALLYPORT_USER=alice:" + hash + "\nbob:" + hash})
	require.NoError(t, err)
	require.Equal(t, "/srv/arg", s.dir)
	require.Equal(t, []string{"10.0.0.1/32", "10.0.0.2/32"}, []string{s.proxies[0].String(), s.proxies[1].String()})
	require.Len(t, s.everybody(), 2)
	s, err = load("serve", []string{"/srv/arg", "--config="}, []string{"SALLYPORT_CONFIG=" + file})
	require.NoError(t, err)
	require.Empty(t, s.files, "an empty name is no file")
}

// All mistakes are reported at once, each with its place.
func TestConfigMistakes(t *testing.T) {
	for _, c := range []struct{ file, args, environ, want string }{
		{"liste = 1", "DIR", "", `sallyport.toml:1:1: liste: this is not known; did you mean listen?`},
		{"listen = 2121", "DIR", "", `sallyport.toml:1:1: listen: want a text in quotes, not 2121`},
		{`listen = "2121"`, "DIR", "", `sallyport.toml:1:1: listen: "2121" is no address to listen on; want :2121, 192.0.2.1:2121 or [2001:db8::1]:2121`},
		{`active = "yes"`, "DIR", "", `sallyport.toml:1:1: active: want true or false, not the text "yes"`},
		{`disable = "DELE"`, "DIR", "", `sallyport.toml:1:1: disable: want a list in [ ], not the text "DELE"`},
		{`disable = ["DELLE"]`, "DIR", "", `sallyport.toml:1:1: disable: "DELLE" is no command`},
		{`drain = "30"`, "DIR", "", `sallyport.toml:1:1: drain: "30" is no duration; want one such as 30s or 5m`},
		{"\npassive = \"21010-21000\"", "DIR", "", `sallyport.toml:2:1: passive: passive: ports "21010-21000": reversed; write 21000-21010`},
		{`cert = "c.pem"`, "DIR", "", `sallyport.toml:1:1: cert needs --key FILE, its private key`},
		{"shared-address = true\nactive = true", "DIR", "",
			`sallyport.toml:2:1: active would connect to the address that sallyport.toml:1:1: shared-address says is not the client's`},
		{"shared-address = true", "DIR", "SALLYPORT_SESSION_REUSE=off",
			`sallyport.toml:1:1: shared-address demands that data connections resume, which SALLYPORT_SESSION_REUSE off gives up`},
		{"", "", "", `sallyport.toml:1:1: dir: the directory to serve is missing: sallyport serve DIR, or dir = "DIR" in a configuration file (--config FILE, or /etc/sallyport/sallyport.toml)`},
		{"", "DIR --dir other", "", "one directory can be served, not 2: DIR other"},
		{"", "DIR", "SALLYPORT_LITSEN=:1", "SALLYPORT_LITSEN: there is no such option; did you mean SALLYPORT_LISTEN?"},
		{"", "DIR", "SALLYPORT_ACTIVE=maybe", `SALLYPORT_ACTIVE: "maybe" is neither true nor false`},
		{"", "DIR", "SALLYPORT_PASSWORD=x SALLYPORT_CI=1 SALLYPORT_PORT=tcp://10.0.0.1:21 SALLYPORT_SERVICE_HOST=10.0.0.1 SALLYPORT_PORT_2121_TCP=x", ""},
		{`max-sessions = "5"`, "DIR", "", `sallyport.toml:1:1: max-sessions: want a whole number, not the text "5"`},
		{`max-sessions = -5`, "DIR", "", `sallyport.toml:1:1: max-sessions: "-5" is no number from 0 up`},
		{`idle-timeout = "-5s"`, "DIR", "", `sallyport.toml:1:1: idle-timeout: "-5s" is no duration; want one such as 30s or 5m`},
		{"config = \"other\"", "DIR", "", `sallyport.toml:1:1: config: this is not known; known here are accept-timeout, `},

		{"[user.alice]", "DIR", "", `sallyport.toml:1:7: user.alice.password: it is missing: put the hash here that sallyport config password prints`},
		{"[user.alice]\npassword = \"secret\"", "DIR", "", `sallyport.toml:2:1: user.alice.password: this is no hash of a known kind (bcrypt, argon2id, SHA-crypt, yescrypt), and passwords in clear don't belong into a file: put here what sallyport config password prints`},
		{"[user.alice]\npassword = \"$2y$10$abc\"", "DIR", "", `sallyport.toml:2:1: user.alice.password: this bcrypt hash is damaged or demands more work than a cost of 16; make one with sallyport config password`},
		{alice + `home = "/srv/{user}"`, "", "", ""},
		{alice + `home = "alice"`, "", "", "sallyport.toml:1:1: dir: the directory to serve is missing: "},
		{"[user.\"../x\"]\npassword = \"" + hash + "\"\nhome = \"/srv/{user}\"", "", "", `sallyport.toml:3:1: user."../x".home: "../x" can't be the name of a directory, which {user} would make of it`},
		{alice + `start = "/in"`, "DIR", "", `sallyport.toml:3:1: user.alice.start: "/in" is no name within the home; want one such as in/new, without a slash in front`},
		{alice + `quota = "10 gigs"`, "DIR", "", `sallyport.toml:3:1: user.alice.quota: "10 gigs" is no size; want one such as 500 MB (of 1000 kB) or 10 GiB (of 1024 MiB)`},
		{alice + `quota = "99999999 TiB"`, "DIR", "", `sallyport.toml:3:1: user.alice.quota: "99999999 TiB" is no size; want one such as 500 MB (of 1000 kB) or 10 GiB (of 1024 MiB)`},
		{alice + `rate-up = "fast"`, "DIR", "", `sallyport.toml:3:1: user.alice.rate-up: "fast" is no rate; want one such as 2 MiB/s`},
		{alice + `sessions = -1`, "DIR", "", `sallyport.toml:3:1: user.alice.sessions: -1 is less than none; want how many sessions there may be at once`},
		{alice + `networks = ["10.0.0.1/8"]`, "DIR", "", `sallyport.toml:3:1: user.alice.networks[0]: 10.0.0.1/8 is an address within a network; write 10.0.0.0/8 for the network or 10.0.0.1 for the address`},
		{alice + `expires = "soon"`, "DIR", "", `sallyport.toml:3:1: user.alice.expires: "soon" is no day; want one such as 2027-01-31, from which on nobody can log in, or 2027-01-31T12:00:00Z`},
		{alice + `disable = ["QUIT"]`, "DIR", "", `sallyport.toml:3:1: user.alice.disable: `},
		{alice + `hidden = ["a/b"]`, "DIR", "", `sallyport.toml:3:1: user.alice.hidden[0]: "a/b" is no pattern of a name; want one such as .* or *.tmp, without a slash`},
		{alice + `umask = "8"`, "DIR", "", `sallyport.toml:3:1: user.alice.umask: "8" is no umask; want octal digits such as 022 or 007, which leave the user all rights`},
		{alice + `umask = "700"`, "DIR", "", `sallyport.toml:3:1: user.alice.umask: "700" is no umask; want octal digits such as 022 or 007, which leave the user all rights`},
		{alice + `uploads = "fast"`, "DIR", "", `sallyport.toml:3:1: user.alice.uploads: "fast" is not known; want atomic or inplace`},
		{alice + `group = "stuff"` + "\n[group.staff]", "DIR", "", `sallyport.toml:3:1: user.alice.group: there is no group "stuff"; did you mean staff?`},
		{alice + `group = "x"`, "DIR", "", `sallyport.toml:3:1: user.alice.group: there is no group "x"; begin one by [group.x]`},
		{alice + "[group.a]\ngroup = \"b\"", "DIR", "", `sallyport.toml:4:1: group.a.group: a group is in no other group`},
		{alice, "DIR --user alice:x", "", `--user: "alice" is in a configuration file, too; leave one of the two`},
		{alice + "quota = \"1 GB\"\n[user.bob]\npassword = \"" + hash + "\"", "DIR", "", `sallyport.toml:4:7: user bob has the home of user alice with another quota, uploads, umask, system-user, folders or check-program, or without; give both the same`},
		{alice + `listen = ":21"`, "DIR", "", `sallyport.toml:3:1: user.alice.listen: this is no key of users but an option of the server; options stand before the first line in [ ]`},
		{"[user.alice]\npassword = \"$6$rounds=9000000$abc$" + strings.Repeat("x", 86) + "\"", "DIR", "", `sallyport.toml:2:1: user.alice.password: this SHA-crypt hash has 9000000 rounds; want from 1000 to 1000000; make one with sallyport config password`},
		{"", "DIR --user alice:$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "", `--user: "alice": this argon2id hash demands too much of each login: m=9999999 (KiB), t=1; m may be 262144 at most, and m times t 1048576`},
		{"[user.alice]\ncertificate-login = true", "DIR", "", `sallyport.toml:2:1: certificate-login: it needs client-ca, the certificates of those who sign those of clients`},
		{alice + "group = \"x\"\n[group.x]\nrequire-certificate = true", "DIR", "", `sallyport.toml:5:1: require-certificate: it needs client-ca, the certificates of those who sign those of clients`},
		{"[anonymous]", "DIR", "", `sallyport.toml:1:2: anonymous.home: it is missing: say which directory everybody may see`},
		{"[anonymous]\nhome = \"/srv\"\npassword = \"" + hash + "\"", "DIR", "", `sallyport.toml:3:1: anonymous.password: nobody has to prove to be anonymous; leave it out`},
		{"[anonymous]\nhome = \"public\"", "", "", "sallyport.toml:1:1: dir: the directory to serve is missing: "},
		{"[anonymous]\nhome = \"/srv\"", "", "", ""},
		{`users-dir = "/no/dir"`, "DIR", "", `sallyport.toml:1:1: users-dir: open /no/dir: `},
		{`auth-program = ["check", "x"]`, "DIR", "", `sallyport.toml:1:1: auth-program: "check" is no absolute path; want one such as /usr/local/bin/check, and arguments apart from it`},
		{`auth-program-user = "nobody"`, "DIR", "", `sallyport.toml:1:1: auth-program-user says who runs a program, and auth-program names none`},
		{`auth-url = "auth.example.com"`, "DIR", "", `sallyport.toml:1:1: auth-url: want a URL such as https://auth.example.com/login`},
		{`auth-url = "https://user:secret@auth.example.com/"`, "DIR", "", `sallyport.toml:1:1: auth-url: want a URL without a user, a password and a fragment`},
		{`auth-url = "http://auth.example.com/"`, "DIR", "", `sallyport.toml:1:1: auth-url: passwords would go to auth.example.com in clear; want https://, or insecure-auth-url if that is meant`},
		{"auth-url = \"http://auth.example.com/\"\ninsecure-auth-url = true", "DIR", "", ""},
		{`auth-url = "http://127.0.0.1:80/"`, "", "", ""},
		{`insecure-auth-url = true`, "DIR", "", `sallyport.toml:1:1: insecure-auth-url allows something of auth-url, which names no endpoint`},
		{alice + "quota = \"1 GB\"\n[user.bob]\nread-only = true\npassword = \"" + hash + "\"", "DIR", "", ""},
	} {
		got := complaints(t, configure(t, c.file), strings.Fields(c.args), strings.Fields(c.environ))
		if c.want == "" {
			require.Empty(t, got, c.file)
			continue
		}
		require.True(t, strings.HasPrefix(got, c.want), "%s\ngot  %s\nwant %s", c.file, got, c.want)
		require.NotContains(t, got, "\n", c.file)
		require.NotContains(t, got, `"secret"`)
	}
	got := complaints(t, configure(t, "drain = \"x\""), []string{"DIR", "--drain", "1s"}, []string{"SALLYPORT_DRAIN=y"})
	require.Equal(t, `SALLYPORT_DRAIN: "y" is no duration; want one such as 30s or 5m
sallyport.toml:1:1: drain: "x" is no duration; want one such as 30s or 5m`, got, "also where another place counts")
	got = complaints(t, configure(t, "listen = \"x\"\nnothing = 1\n[user.a]", "[user.b]\nhom = 1"), []string{"DIR", "--drain", "x"}, []string{"SALLYPORT_UPLOADS=x"})
	require.Equal(t, 7, len(strings.Split(got, "\n")), got)
	require.Contains(t, got, "conf.d/b.toml:2:1: user.b.hom: this is not known; did you mean home?")
	const twice = "disable = [\"DELLE\", \"RNTOO\"]\n"
	got = complaints(t, configure(t, twice+alice+twice), []string{"DIR"}, nil)
	for _, want := range []string{`1:1: disable: "DELLE"`, `1:1: disable: "RNTOO"`, `4:1: user.alice.disable: "DELLE"`, `4:1: user.alice.disable: "RNTOO"`} {
		require.Contains(t, got, "sallyport.toml:"+want)
	}
	_, err := load("serve", []string{"DIR", "--config", "/does/not/exist.toml"}, nil)
	require.ErrorContains(t, err, "/does/not/exist.toml: no such file")
}

// A file of htpasswd adds users, with or without tables; all have the home that an option sets for all.
func TestUsersFile(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	write := func(text string) { require.NoError(t, os.WriteFile(users, []byte(text), 0o600)) }
	args := []string{"--users-file", users, "--home", "/srv/{user}", "--user", "carol:x"}
	write("# comment\n\nbob:" + hash + "\ndave:" + hash + "\n")
	s, err := load("serve", append(args, "--config", configure(t, "[user.bob]\nread-only = true\n"+alice+"home = \"/own\"")), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"alice", "bob", "carol", "dave"}, s.names())
	all := s.everybody()
	require.Equal(t, "/srv/bob", all["bob"].Home)
	require.True(t, all["bob"].ReadOnly)
	require.Equal(t, hash, all["bob"].Password)
	require.Equal(t, "/srv/dave", all["dave"].Home)
	require.Equal(t, "/srv/carol", all["carol"].Home)
	require.Equal(t, "/own", all["alice"].Home)

	require.Empty(t, s.hidden)

	write("bob\nbob:secret\nalice:" + hash + "\ndave:" + hash + "\ndave:" + hash + "\ncarol:" + hash + "\n..:" + hash + "\n")
	got := strings.ReplaceAll(complaints(t, configure(t, alice), args, nil), users, "USERS")
	require.Equal(t, `USERS:1: want NAME:HASH, as htpasswd -B writes it
USERS:2: "bob": this is no hash of a known kind (bcrypt, argon2id, SHA-crypt, yescrypt), and passwords in clear don't belong into a file: put here what sallyport config password prints
USERS:5: "dave" has a password at USERS:4, too; leave one of the two
--home: ".." can't be the name of a directory, which {user} would make of it`, got)
	require.Contains(t, complaints(t, configure(t, ""), []string{"DIR", "--users-file", "/no/users"}, nil), "--users-file: open /no/users: ")
}

const alice = "[user.alice]\npassword = \"" + hash + "\"\n"

// A user has what the group's table says, unless the user's own table says otherwise.
func TestGroups(t *testing.T) {
	s, err := load("serve", []string{"--config", configure(t, "client-ca = \"ca.pem\"\n"+alice+`
group = "staff"
read-only = false
disable = []
[group.staff]
home = "/srv/{user}"
read-only = true
quota = "10 GiB"
rate-down = "2 MB/s"
sessions = 3
disable = ["DELE"]
networks = ["10.0.0.0/8", "2001:db8::1"]
expires = 2027-01-31
idle-timeout = "1m"
start = "in/new"
require-tls = true
require-private = true
require-session-reuse = true
require-certificate = true
`)}, nil)
	require.NoError(t, err)
	a := s.accounts["alice"]
	require.Equal(t, "/srv/alice", a.Home)
	require.False(t, a.ReadOnly)
	require.Equal(t, quota{10 << 30, true}, a.Quota)
	require.Equal(t, driver.Policy{DownloadRate: 2e6, MaxSessions: 3, Disabled: []string{}, IdleTimeout: time.Minute,
		Dir: "in/new", RequireTLS: true, RequirePrivate: true, RequireReuse: true, RequireCertificate: true}, a.policy())
	require.Equal(t, time.Date(2027, 1, 31, 0, 0, 0, 0, time.Local), a.Expires.Time)
	require.Len(t, a.Networks, 2)
}

// What can't be opened at the start is reported with the place of its option.
func TestStartSaysWhere(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	file := configure(t, fmt.Sprintf("cert = \"/no/cert.pem\"\nkey = \"/no/key.pem\"\nlisten = %q\nlisten-implicit = \"\"\npassive = \"any\"\n", taken.Addr()))
	err = run(t.Context(), []string{"serve", "/no/dir", "--config", file}, io.Discard, t.Output())
	require.ErrorContains(t, err, "DIR: driver: open directory: open /no/dir: ")
	require.ErrorContains(t, err, file+":1:1: cert: tls: ")
	require.ErrorContains(t, err, file+":3:1: listen: listen tcp "+taken.Addr().String())
}

// A limit of 0 is none, and a limit that is not set is the default.
func TestLimits(t *testing.T) {
	s, err := load("serve", []string{"DIR", "--config=", "--max-sessions", "0", "--idle-timeout", "0s", "--max-login-failures=7"}, nil)
	require.NoError(t, err)
	var got server.Settings
	s.limits.into(&got)
	require.Equal(t, server.Settings{IdleTimeout: -1, DataTimeout: time.Minute, MaxSessions: -1, MaxSessionsPerAddress: 500, MaxLoginFailures: 7}, got)
}

// Each home is swept once, with all that is below it.
func TestPlaces(t *testing.T) {
	var text string
	for i, home := range []string{"/srv/a/b", "/srv/a-b", "/srv/a", "sub", "/srv/c", "/srv/c"} {
		text += strings.ReplaceAll(alice, "alice", fmt.Sprint("u", i)) + fmt.Sprintf("home = %q\nquota = \"1 GB\"\n", home)
	}
	s, err := load("serve", []string{"/data", "--config", configure(t, text)}, nil)
	require.NoError(t, err)
	var got []string
	for _, at := range *s.places() {
		require.False(t, at.quota.set)
		got = append(got, at.dir)
	}
	require.Equal(t, []string{"/data", "/srv/a", "/srv/a-b", "/srv/c"}, got)
}
