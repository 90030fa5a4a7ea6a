package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	numbers "math/big"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// The example file sets nothing as it is, shows the defaults, and is valid with all its lines in effect.
func TestConfigExample(t *testing.T) {
	text := output(t, "config", "example")
	golden(t, "config-example.txt", text)
	s, err := load("serve", []string{"DIR", "--config", configure(t, text)}, nil)
	require.NoError(t, err)
	require.Empty(t, s.everybody())
	require.Equal(t, plain(t, nil), forget(s))

	line := regexp.MustCompile(`(?m)^#(\S.*)$`)
	usual := regexp.MustCompile(`(?m)^# for example:\n.*$`).ReplaceAllString(text, "")
	usual, _, _ = strings.Cut(usual, "# Users.")
	s, err = load("serve", []string{"DIR", "--config", configure(t, line.ReplaceAllString(usual, "$1"))}, nil)
	require.NoError(t, err)
	require.Greater(t, len(s.sources), 10)
	require.Equal(t, plain(t, nil), forget(s))

	all := line.ReplaceAllString(text, "$1")
	more := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(more, nil, 0o600))
	require.NoError(t, os.Mkdir(more+".d", 0o755))
	all = strings.NewReplacer("/etc/sallyport/users", more, "/etc/sallyport/allowed-users", more, "/etc/sallyport/refused-users", more, "/etc/sallyport/addresses", more, "/etc/sallyport/refused-addresses", more, `pam-user = "ftp"`, `pam-user = "nobody"`).Replace(all)
	keys := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(keys, []byte("access-key = \"a\"\nsecret-key = \"b\"\n"), 0o600))
	all = strings.ReplaceAll(all, "/etc/sallyport/exchange.keys", filepath.ToSlash(keys))
	split := strings.NewReplacer(`run-as = "sallyport"`, `run-as = "65001:65001"`, `system-user = "ftp"`, `system-user = "65002:65002"`)
	if runtime.GOOS != "linux" {
		split = strings.NewReplacer(`run-as = "sallyport"`, `run-as = ""`, `system-user = "ftp"`, `system-user = ""`, "give-uploads-to = \"root\"\n", "", `, old = { bucket = "exchange", read-only = true }`, "")
		all, _, _ = strings.Cut(all, "[bucket.exchange]")
	}
	s, err = load("serve", []string{"--config", configure(t, split.Replace(all))}, nil)
	require.NoError(t, err)
	require.Equal(t, "/srv/ftp/alice", s.accounts["alice"].Home)
	for key := range keysOfAccount() {
		require.Contains(t, text, "\n#"+key+" = ")
	}
	for _, e := range s.entries() {
		_, set := s.sources[e.name]
		require.Equal(t, e.toml != "" || e.name == "config", set, e.name)
	}
}

// plain returns the settings of a command line.
func plain(t *testing.T, environ []string) *settings {
	t.Helper()
	s, err := load("serve", []string{"DIR", "--config="}, environ)
	require.NoError(t, err)
	return forget(s)
}

// forget drops where settings were set.
func forget(s *settings) *settings {
	s.files, s.first, s.sources, s.accounts, s.groups, s.buckets = nil, "", nil, nil, groups{}, nil
	return s
}

func TestConfigShow(t *testing.T) {
	t.Setenv("SALLYPORT_DRAIN", "1m")
	file := configure(t, `listen = ":21"
disable = ["DELE", "RMD"]
[user.alice]
group = "staff"
password = "`+hash+`"
[group.staff]
home = "{user}"
rate-up = "1 kB/s"
networks = ["10.0.0.0/8"]
hidden = [".*"]
expires = 2027-01-31T12:00:00Z
idle-timeout = "1m"
`)
	got := output(t, "config", "show", "/srv", "--config", file, "--user", "bob:secret")
	got = strings.ReplaceAll(got, filepath.Dir(file)+"/", "")
	require.NotContains(t, got, hash)
	require.NotContains(t, got, "secret")
	for _, want := range []string{
		`dir = "/srv"  # DIR`, `listen = ":21"  # sallyport.toml:1:1`, `listen-implicit = ":2990"  # the default`, `# announce is not set`,
		`disable = ["DELE", "RMD"]  # sallyport.toml:2:1`, `drain = "1m"  # SALLYPORT_DRAIN`, `active = false  # the default`,
		`[user.alice]  # sallyport.toml:3:7, of group staff`, `password = "(hidden)"  # sallyport.toml:5:1`, `home = "/srv/alice"  # sallyport.toml:7:1`,
		`rate-up = "1000 B/s"  # sallyport.toml:8:1`, `networks = ["10.0.0.0/8"]  # sallyport.toml:9:1`, `hidden = [".*"]  # sallyport.toml:10:1`,
		`expires = 2027-01-31T12:00:00Z  # sallyport.toml:11:1`, `idle-timeout = "1m0s"  # sallyport.toml:12:1`,
		`[user.bob]  # --user`, `password = "(hidden)"  # --user`,
	} {
		require.Contains(t, "\n"+regexp.MustCompile(` +#`).ReplaceAllString(got, "  #")+"\n", "\n"+want+"\n", got)
	}
	_, err := load("serve", []string{"--config", configure(t, strings.ReplaceAll(got, "(hidden)", hash))}, nil)
	require.NoError(t, err, "what is shown is a configuration file")
}

// weak writes a certificate that has a short key and expires in a week.
func weak(t *testing.T) (cert, key string) {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	return certified(t, private, 7*24*time.Hour)
}

// certified writes a certificate for a key, which lasts so long, and the key, which everybody may read.
func certified(t *testing.T, private crypto.Signer, lasts time.Duration) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: numbers.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts), DNSNames: []string{"x"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o644))
	return cert, key
}

// Settings that are legal but unwise give warnings and no errors.
func TestConfigCheckWarns(t *testing.T) {
	cert, key := weak(t)
	port := testenv.FreePorts(t, 1)
	file := configure(t, fmt.Sprintf(`
listen = "127.0.0.1:0"
listen-implicit = ""
passive = "%d"
cert = %q
key = %q
announce = "10.0.0.1"
insecure-plaintext = true
session-reuse = "off"
dir = %q
`, port, cert, key, t.TempDir())+alice+"home = \"/does/not/exist\"\nexpires = 2020-01-01\n")
	require.NoError(t, os.Chmod(file, 0o646))
	got := strings.ReplaceAll(output(t, "config", "check", "--config", file), filepath.Dir(file)+"/", "")
	for _, want := range []string{
		"unwise: sallyport.toml:5:1: cert: the certificate ends on ", "unwise: sallyport.toml:5:1: cert: the key is RSA of 1024 bits",
		"unwise: sallyport.toml:6:1: key: " + key + ": every user of this host can read it; chmod o= ",
		"unwise: sallyport.toml: every user of this host can change it; chmod o= ",
		"unwise: sallyport.toml:7:1: announce: 10.0.0.1 is a private address",
		"unwise: sallyport.toml:8:1: insecure-plaintext: anybody on the way", "unwise: sallyport.toml:9:1: session-reuse: whoever",
		"unwise: sallyport.toml:13:1: user alice can't log in: ", "unwise: sallyport.toml:14:1: user alice has expired",
		"nothing is wrong with sallyport.toml\n",
	} {
		require.Contains(t, got, want)
	}
	lines := 10
	lines += strings.Count(got, "a crash of this host can take files of ") // warned of if temporary files are in memory
	if runtime.GOOS == "linux" && os.Geteuid() == 0 {
		require.Contains(t, got, "unwise: --run-as is not set: ")
		lines++
	}
	require.Equal(t, lines, strings.Count(got, "\n"), got)

	fine, err := load("config", []string{t.TempDir(), "--config="}, nil)
	require.NoError(t, err)
	got, err = checked(t.Context(), fine, nil)
	require.NoError(t, err)
	require.Contains(t, got, "unwise: --cert is not set")
	require.Contains(t, got, "unwise: there is no user")
}

// Mistakes in configuration files and in files that they name are reported as by serve, all at once.
func TestConfigCheckFails(t *testing.T) {
	var out bytes.Buffer
	file := configure(t, "cert = \"/no/cert.pem\"\nkey = \"/no/key.pem\"\ndir = \"/no/dir\"\n")
	err := run(t.Context(), []string{"config", "check", "--config", file}, &out, t.Output())
	require.ErrorAs(t, err, new(*usageError))
	require.Contains(t, err.Error(), file+":1:1: cert: ")
	require.Contains(t, err.Error(), file+":3:1: dir: ")
	require.Empty(t, out.String())
	for _, args := range [][]string{{"config"}, {"config", "chekc"}, {"config", "example", "x"}, {"config", "check", "--config", "/no/file", "DIR"}} {
		require.ErrorAs(t, run(t.Context(), args, &out, t.Output()), new(*usageError), "%q", args)
	}
}

// config password prints a hash of the line that it has read.
func TestConfigPassword(t *testing.T) {
	for text, line := range map[string]string{"secret\n": "secret", "with blanks \r\n": "with blanks ", "no end": "no end"} {
		file := filepath.Join(t.TempDir(), "in")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		in, err := os.Open(file)
		require.NoError(t, err)
		defer in.Close()
		var out bytes.Buffer
		require.NoError(t, runConfig(t.Context(), []string{"password"}, in, &out, t.Output()))
		hash := strings.TrimSpace(out.String())
		require.NoError(t, checkPassword(hash))
		users := driver.Users{"alice": {Hash: hash, Files: driver.Mem()}}
		_, err = users.Login(t.Context(), &driver.Login{User: "alice", Password: line})
		require.NoError(t, err)
	}
	for _, kind := range append(passhash.Kinds(), "SHA512") {
		file := filepath.Join(t.TempDir(), "in")
		require.NoError(t, os.WriteFile(file, []byte("secret\n"), 0o600))
		in, err := os.Open(file)
		require.NoError(t, err)
		defer in.Close()
		var out bytes.Buffer
		require.NoError(t, runConfig(t.Context(), []string{"password", "--kind", kind}, in, &out, t.Output()))
		hash := strings.TrimSpace(out.String())
		require.NoError(t, checkPassword(hash))
		right, err := passhash.NewChecker().Check(t.Context(), hash, "secret")
		require.NoError(t, err)
		require.True(t, right)
	}
	for _, args := range []string{"--kind md5", "--kind", "hunter2", "--knid bcrypt"} {
		err := runConfig(t.Context(), append([]string{"password"}, strings.Fields(args)...), nil, io.Discard, t.Output())
		require.ErrorAs(t, err, new(*usageError))
		require.NotContains(t, err.Error(), "hunter2")
	}
	empty, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer empty.Close()
	require.Error(t, runConfig(t.Context(), []string{"password"}, empty, io.Discard, t.Output()))
}

// A group that this host doesn't have is reported by the check.
func TestConfigCheckOfGroup(t *testing.T) {
	file := configure(t, "control-group = \"no such group\"\n")
	err := run(t.Context(), []string{"config", "check", t.TempDir(), "--config", file}, io.Discard, io.Discard)
	require.ErrorContains(t, err, `sallyport.toml:1:1: control-group: there is no group "no such group" on this host`)
}

// A key that doesn't fit the certificate, reversed ranges and options that contradict each other are reported
// together; an expired certificate is reported by the check.
func TestConfigCheckTellsAllAtOnce(t *testing.T) {
	cert, key := weak(t)
	_, other := weak(t)
	file := configure(t, fmt.Sprintf("cert = %q\nkey = %q\npassive = \"21010-21000\"\nshared-address = true\nactive = true\n", cert, other)+alice)
	err := run(t.Context(), []string{"config", "check", "--config", file}, io.Discard, io.Discard)
	require.ErrorAs(t, err, new(*usageError))
	for _, want := range []string{":1:1: cert: ", ":3:1: passive: ", "reversed; write 21000-21010", ":5:1: active would connect to the address that "} {
		require.Contains(t, err.Error(), want)
	}
	require.Regexp(t, `:1:1: cert: .*key`, err.Error())

	file = configure(t, fmt.Sprintf("cert = %q\nkey = %q\n", cert, key)+alice)
	s, err := load("config", []string{t.TempDir(), "--config", file}, nil)
	require.NoError(t, err)
	for days, want := range map[int]string{8: "the certificate has expired on ", 0: "", -8: "the certificate is not valid before "} {
		c := &inspection{settings: s}
		c.findCertificate(time.Now().AddDate(0, 0, days))
		if want == "" {
			require.Empty(t, c.wrong)
			continue
		}
		require.ErrorContains(t, c.wrong[0], file+":1:1: cert: "+want)
	}
}
