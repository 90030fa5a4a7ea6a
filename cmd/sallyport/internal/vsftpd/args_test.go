package vsftpd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// Files and options of the command line count from left to right.
func TestRead(t *testing.T) {
	first, second := write(t, "first", "listen=YES\nlisten_port=1\nmax_clients=1\n"), write(t, "second", "listen_port=2\n")
	c := &Config{}
	c.Read([]string{first, "-omax_clients=7", "-olisten_port=3", second})
	require.Empty(t, c.Mistakes)
	require.True(t, c.Yes("listen"))
	require.Equal(t, 2, c.Number("listen_port"))
	require.Equal(t, 7, c.Number("max_clients"))
	require.Equal(t, "-omax_clients=7", c.From("max_clients"))
	require.Equal(t, second+":1: listen_port=2", c.From("listen_port"))
}

func TestReadMistakes(t *testing.T) {
	c := &Config{}
	c.Read([]string{"/nowhere/vsftpd.conf", "-olisten_port", "-olistn=YES", "-x"})
	var said []string
	for _, m := range c.Mistakes {
		said = append(said, m.Error())
	}
	require.Equal(t, []string{
		"500 OOPS: cannot read config file: /nowhere/vsftpd.conf\n  open /nowhere/vsftpd.conf: no such file or directory",
		"500 OOPS: missing value in config file for: listen_port\n  -olisten_port: give it a value, such as listen_port=21, or remove the line",
		"500 OOPS: unrecognised variable in config file: listn\n  -olistn=YES: \"listn\": did you mean listen?",
		"500 OOPS: unrecognise option: -x\n  vsftpd takes files, -ooption=value and -v",
	}, said)

	c = &Config{}
	c.Read([]string{t.TempDir()})
	require.Contains(t, c.Mistakes[0].Error(), "500 OOPS: config file not owned by correct user, or not a file\n")
	c = &Config{}
	c.Read([]string{write(t, "long", strings.Repeat("# long\n", maxFile/7+1))})
	require.Contains(t, c.Mistakes[0].Error(), "it has more than 100000 bytes")
}

// Without a file on the command line the usual file is read last.
func TestUsualFile(t *testing.T) {
	file := write(t, "vsftpd.conf", "listen_port=2\nwrite_enable=YES\n")
	defer func(usual []string) { Usual = usual }(Usual)
	Usual = []string{"/nowhere/vsftpd.conf", file, "/nowhere/other"}
	c := &Config{}
	c.Read([]string{"-olisten_port=3", "-omax_clients=7", "-owrite_enable=YES"})
	require.Empty(t, c.Mistakes)
	require.Equal(t, 2, c.Number("listen_port"), "as vsftpd does")
	require.Equal(t, 7, c.Number("max_clients"))
	require.Equal(t, []Note{{Place{File: "-olisten_port=3"}, file + ":1 is read after it and says otherwise; name the file before the option"}}, c.Notes)

	Usual = nil
	c = &Config{}
	c.Read(nil)
	require.Empty(t, c.Mistakes)
}
