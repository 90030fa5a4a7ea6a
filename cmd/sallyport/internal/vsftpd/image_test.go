package vsftpd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// imaged returns the translation of the variables of an image.
func imaged(name, variables string) (*Translation, []ImageUser) {
	env := map[string]string{}
	for v := range strings.FieldsSeq(variables) {
		name, value, _ := strings.Cut(v, "=")
		env[name] = strings.ReplaceAll(value, "&", " ")
	}
	return FindImage(name).Translate(func(name string) string { return env[name] }, func(p string) (string, error) { return "hash of " + p, nil })
}

// The variables of images mean what they mean there.
func TestImages(t *testing.T) {
	const fauria, delfer, gareth = "fauria/vsftpd:latest", "delfer/alpine-ftp-server", "garethflowers/ftp-server:1"
	for _, c := range []struct{ image, variables, want string }{
		{fauria, "FTP_PASS=x", `listen = "0.0.0.0:21"; passive = "21100-21110"; insecure-plaintext = true; run-as = "65532:65532"; [group.local] umask = "077"; [user.admin] password = "hash of x"; [user.admin] home = "/home/vsftpd/admin"; [user.admin] system-user = "14:50"`},
		{fauria, "FTP_USER=me FTP_PASS=x PASV_ADDRESS=192.0.2.1 PASV_MIN_PORT=3000 PASV_MAX_PORT=3001 LOCAL_UMASK=022 LISTEN_PORT=2121", `listen = "0.0.0.0:2121"; passive = "3000-3001"; announce = "192.0.2.1"; [group.local] umask = "022"; [user.me] home = "/home/vsftpd/me"`},
		{fauria, "PASV_ADDRESS=ftp.example.com PASV_ADDR_RESOLVE=YES", `announce = "ftp.example.com"`},
		{delfer, "", `passive = "21000-21010"; [group.local] umask = "022"; [group.local] root = "/"; [user.alpineftp] password = "hash of alpineftp"; [user.alpineftp] home = "/ftp/alpineftp"; [user.alpineftp] system-user = "1000:1000"`},
		{delfer, "USERS=a|b ADDRESS=ftp.site.example MIN_PORT=3000 MAX_PORT=3001", `passive = "3000-3001"; announce = "ftp.site.example"; [user.a] password = "hash of b"; [user.a] home = "/ftp/a"`},
		{delfer, "USERS=a|b|/data|10000&e|f|/e||82", `[user.a] home = "/data"; [user.a] system-user = "10000:10000"; [user.e] system-user = "1000:82"`},
		{delfer, "TLS_CERT=/c TLS_KEY=/k", `cert = "/c"; key = "/k"`},
		{gareth, "FTP_USER=me FTP_PASS=x UID=1001 GID=1002 PUBLIC_IP=192.0.2.1", `greeting = "FTP Server"; passive = "40000-40009"; announce = "192.0.2.1"; [user.me] home = "/home/me"; [user.me] system-user = "1001:1002"`},
		{gareth, "TLS_CERT=/c", `cert = "/c"; key = "/c"; [user.foo] password = "hash of bar"`},
	} {
		tr, users := imaged(c.image, c.variables)
		require.Empty(t, tr.Mistakes, c.variables)
		require.NotEmpty(t, users)
		var got []string
		for _, l := range tr.Lines {
			text := l.Key + " = " + written(l.Value)
			if l.Table != "" {
				text = "[" + l.Table + "] " + text
			}
			got = append(got, text)
		}
		require.Subset(t, got, strings.Split(c.want, "; "), c.variables)
		require.Nil(t, tr.value("", "pam"))
	}
	tr, _ := imaged(fauria, "FTP_PASS=x TLS_CERT=self-signed")
	require.Nil(t, tr.value("", "cert"))
	require.Nil(t, tr.value("", "insecure-plaintext"))
	require.Nil(t, FindImage("vsftpd"))
}

// A variable with a wrong value is a mistake that names it.
func TestImageMistakes(t *testing.T) {
	for variables, want := range map[string]string{
		"PASV_MIN_PORT=many":    "500 OOPS: bad number in config file for: pasv_min_port\n  PASV_MIN_PORT:1: ",
		"PASV_ENABLE=perhaps":   "500 OOPS: bad bool value in config file for: pasv_enable\n  PASV_ENABLE:1: ",
		"PASV_ADDRESS=ftp.here": "500 OOPS: invalid pasv_address\n  PASV_ADDRESS:1: ",
	} {
		tr, _ := imaged("fauria/vsftpd", variables)
		require.Len(t, tr.Mistakes, 1, variables)
		require.Contains(t, tr.Mistakes[0].Error(), want)
	}
	tr, _ := imaged("delfer/alpine-ftp-server", "USERS=a|b||many")
	require.Contains(t, tr.Mistakes[0].Error(), `USERS: "a" has a number that is none`)
}
