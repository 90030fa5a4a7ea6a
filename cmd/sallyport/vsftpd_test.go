package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpd"
)

// vsftpdFile writes a configuration file of vsftpd. said calls it F.
func vsftpdFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vsftpd.conf")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// said returns what the command vsftpd prints for a file, and its exit status.
func said(t *testing.T, file string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, wrong bytes.Buffer
	err := run(t.Context(), append([]string{"vsftpd", file}, args...), &out, &wrong)
	if err != nil {
		require.IsType(t, exitStatus(0), err)
		status = int(err.(exitStatus))
	}
	return strings.ReplaceAll(out.String(), file, "F"), strings.ReplaceAll(wrong.String(), file, "F"), status
}

func TestVsftpdVersion(t *testing.T) {
	require.Regexp(t, `^vsftpd: version 3\.0\.3 \(sallyport .*\)\n$`, output(t, "vsftpd", "/nowhere", "-v"))
}

// A mistake is told as vsftpd tells it, with the same status, and with its place and cure besides.
func TestVsftpdMistakes(t *testing.T) {
	file := vsftpdFile(t, "listen=YES\nwrite_enable=Y\nlistn=1\n")
	want := "500 OOPS: bad bool value in config file for: write_enable\n  F:2: the value is \"Y\"; want YES or NO\n" +
		"500 OOPS: unrecognised variable in config file: listn\n  F:3: \"listn\": did you mean listen?\n"
	for _, args := range [][]string{nil, {"--to-toml"}} {
		out, wrong, status := said(t, file, args...)
		require.Empty(t, out)
		require.Equal(t, want, wrong)
		require.Equal(t, 2, status)
	}
	out, _, status := said(t, file, "--check")
	require.Equal(t, 2, status)
	require.Contains(t, out, "would not start: 500 OOPS: bad bool value in config file for: write_enable\n    F:2: the value is \"Y\"; want YES or NO\n")

	file = vsftpdFile(t, "listen=YES\nanonymous_enable=NO\n")
	_, wrong, status := said(t, file)
	require.Contains(t, wrong, "500 OOPS: vsftpd: both local and anonymous access disabled!\n  F:2: ")
	require.Equal(t, 2, status)
}

// harmless is a configuration about which nothing is to be said, but for what one process of its own user means.
const harmless = "listen=YES\nlisten_address=127.0.0.1\nanon_root=DIR\nrun_as_launching_user=YES\nssl_enable=YES\nforce_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\npasv_min_port=30000\npasv_max_port=30001\n"

// What the daemon finds out about the host is told with the places of vsftpd's options.
func TestVsftpdCheck(t *testing.T) {
	cert, key := weak(t)
	text := strings.ReplaceAll(harmless, "DIR", t.TempDir()) + "rsa_cert_file=" + cert + "\n"
	out, wrong, status := said(t, vsftpdFile(t, text+"rsa_private_key_file="+key+"\n"), "--check")
	require.Empty(t, wrong)
	require.Equal(t, 1, status)
	require.Contains(t, out, "unwise: F:10: cert: the certificate ends on ")
	require.Contains(t, out, "warning: anonymous_enable=YES (the default): everybody can log in as anonymous\n")
	require.Contains(t, out, "warning: F:4: run_as_launching_user=YES: one process serves")
	require.Contains(t, out, "\nfirewalls must let through: TCP to port 21 (logins) and to ports 30000-30001 (data), and out from here to clients that use active mode\n")

	out, _, status = said(t, vsftpdFile(t, text+"rsa_private_key_file=/nowhere\n"), "--check")
	require.Equal(t, 2, status)
	require.Contains(t, out, "would not start: F:10: cert: ")
	require.Contains(t, out, "stat /nowhere: ")

	out, _, status = said(t, vsftpdFile(t, text+"ssl_enable=NO\n"), "--check")
	require.Equal(t, 1, status)
	require.NotContains(t, out, "certificate is made", "which no client sees")
	require.Equal(t, 1, strings.Count(out, "anybody on the way"), out)
}

// What can't be carried over is told, and nothing is wrong with the rest.
func TestVsftpdToTOML(t *testing.T) {
	file := vsftpdFile(t, strings.ReplaceAll(harmless, "DIR", t.TempDir())+"ssl_enable=NO\nmax_clients=7\nftp_enable=NO\n")
	out, wrong, status := said(t, file, "--to-toml", "-omax_per_ip=3")
	require.Equal(t, 1, status)
	require.Contains(t, wrong, "500 OOPS: not supported: ftp_enable=NO\n  F:12: ")
	require.Contains(t, out, "# could NOT be carried over: not supported: ftp_enable=NO\n#  F:12: ")
	s, err := load("config", []string{"--config", configure(t, out)}, nil)
	require.NoError(t, err)
	require.Equal(t, 7, s.limits.sessions)
	require.Equal(t, 3, s.limits.perAddress)
	require.True(t, s.anonymous.ReadOnly)
}

// docs/vsftpd.md tells of each option what the table says.
func TestVsftpdDocument(t *testing.T) {
	text := documents(t)["vsftpd.md"]
	for _, o := range vsftpd.Options {
		row := vsftpdRow(&o)
		assert.True(t, strings.Contains(text, "\n"+row+"\n"), "the document lacks %s", row)
	}
}

// vsftpdRow returns the row of docs/vsftpd.md about an option.
func vsftpdRow(o *vsftpd.Option) string {
	usual := o.Default
	if usual == "" {
		usual = "none"
	}
	return "| `" + o.Name + "` | " + usual + " | " + o.Treatment.String() + " | " + o.Why + " |"
}
