package vsftpd

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// mistakes are files with one mistake each, and what is said of it.
var mistakes = []struct{ text, oops, detail string }{
	{"listn=YES\n", "unrecognised variable in config file: listn", `F:1: "listn": did you mean listen?`},
	{"x=1\n", "unrecognised variable in config file: x", `F:1: "x": no vsftpd has this option; remove the line`},
	{"x\n", "missing value in config file for: x", `F:1: "x": no vsftpd has this option; remove the line`},
	{"LISTEN=YES\n", "unrecognised variable in config file: LISTEN", `F:1: "LISTEN": did you mean listen?`},
	{"\n\n=YES\n", "unrecognised variable in config file: ", `F:3: "": no vsftpd has this option; remove the line`},
	{"listen\n", "missing value in config file for: listen", "F:1: give it a value, such as listen=NO, or remove the line"},
	{"listen=\n", "missing value in config file for: listen", "F:1: give it a value, such as listen=NO, or remove the line"},
	{"listen_port=\n", "missing value in config file for: listen_port", "F:1: give it a value, such as listen_port=21, or remove the line"},
	{"# c\n \t\nlisten=yes=no\n", "bad bool value in config file for: listen", `F:3: the value is "yes=no"; want YES or NO`},
	{"  listen=x\n", "bad bool value in config file for: listen", `F:1: the value is "x"; want YES or NO`},
	{"\tlisten=YES\u200b", "bad bool value in config file for: listen", `F:1: the value is "YES\u200b"; want YES or NO`},
}

func TestMistakes(t *testing.T) {
	for _, m := range mistakes {
		c := &Config{}
		c.Parse("F", m.text)
		require.Len(t, c.Mistakes, 1, m.text)
		require.Equal(t, "500 OOPS: "+m.oops+"\n  "+m.detail, c.Mistakes[0].Error())
		require.Empty(t, c.Notes)
	}
}

// What vsftpd takes for something is a mistake where it would protect less than was meant.
func TestStricterThanVsftpd(t *testing.T) {
	for text, want := range map[string]string{
		"local_umask=o77\n":       `the value is "o77", of which vsftpd takes the digits at the beginning; want a number such as 077, where a leading 0 means octal`,
		"anon_umask=089\n":        `the value is "089"`,
		"max_per_ip=-5\n":         `the value is "-5"`,
		"listen_port=21,22\n":     `the value is "21,22"`,
		"userlist_file=/etc/\x01": `the value "/etc/\x01" has control characters; remove them`,
	} {
		c := &Config{}
		c.Parse("F", text)
		require.Len(t, c.Mistakes, 1, text)
		require.Contains(t, c.Mistakes[0].Error(), want)
	}
}

// vsftpd itself says the same of all mistakes, and refuses what is only noted here.
func TestMessagesAreThoseOfVsftpd(t *testing.T) {
	program := testenv.NeedBinary(t, "vsftpd")
	for _, m := range mistakes {
		require.Equal(t, "500 OOPS: "+m.oops+"\r\n", said(t, program, m.text), m.text)
	}
	for text := range noted {
		if !strings.Contains(text, "listen_port") { // vsftpd takes the digits of numbers
			require.Contains(t, said(t, program, text+"\nlisten=NO\nlisten_ipv6=NO\n"), "500 OOPS: ", text)
		}
	}
}

// said returns what vsftpd says of a file with which it doesn't start. vsftpd writes to its standard input, which is a
// socket under inetd.
func said(t *testing.T, program, text string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "vsftpd.conf")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	stdin, err := os.OpenFile(filepath.Join(dir, "said"), os.O_CREATE|os.O_RDWR, 0o600)
	require.NoError(t, err)
	defer stdin.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, file)
	cmd.Stdin = stdin
	err = cmd.Run()
	require.Error(t, err)
	require.Equal(t, 2, cmd.ProcessState.ExitCode())
	answer, err := os.ReadFile(stdin.Name())
	require.NoError(t, err)
	return string(bytes.ReplaceAll(answer, []byte{0}, nil))
}

// noted are lines that vsftpd refuses or misunderstands, with the option's value as it was meant and the note.
var noted = map[string][3]string{
	"listen=YES ":                       {"listen", "YES", `blanks or line ends around the value are left out, which vsftpd takes for a part of it: "YES "`},
	"listen=YES\r":                      {"listen", "YES", `blanks or line ends around the value are left out, which vsftpd takes for a part of it: "YES\r"`},
	"listen=YES\u00a0":                  {"listen", "YES", `blanks or line ends around the value are left out, which vsftpd takes for a part of it: "YES\u00a0"`},
	"listen=NO # not now":               {"listen", "NO", `the comment behind the value is left out, which vsftpd takes for a part of it: "# not now"`},
	"listen = YES":                      {"listen", "YES", "there are blanks before =, which vsftpd takes for a part of the option"},
	"\ufefflisten=YES":                  {"listen", "YES", "the file begins with a byte order mark, which vsftpd takes for a part of the first option"},
	" # listen=YES\nlisten=NO\nlisten=": {"listen", "NO", "the comment is indented, which vsftpd takes for an option"},
	"listen_port=2121 # c":              {"listen_port", "2121", `the comment behind the value is left out, which vsftpd takes for a part of it: "# c"`},
}

func TestNotes(t *testing.T) {
	for text, want := range noted {
		c := &Config{}
		c.Parse("F", strings.TrimSuffix(text, "\nlisten="))
		require.Empty(t, c.Mistakes, text)
		require.Equal(t, want[1], c.Text(want[0]), text)
		require.NotEmpty(t, c.Notes, text)
		require.Equal(t, "F:1: "+want[2], c.Notes[0].String())
	}
}

func TestValues(t *testing.T) {
	c := &Config{}
	c.Parse("F", "listen=true\nlisten=0\nlocal_umask=022\nlisten_port=2121\npasv_min_port=021\nftpd_banner=We are #1 # here\nrsa_cert_file=\nwrite_enable=yEs\nhide_file={.*,#x}\n")
	require.Empty(t, c.Mistakes)
	require.Empty(t, c.Notes)
	require.False(t, c.Yes("listen"), "the last one counts")
	require.True(t, c.Yes("write_enable"))
	require.True(t, c.Yes("anonymous_enable"), "the default")
	require.Equal(t, 0o22, c.Number("local_umask"))
	require.Equal(t, 2121, c.Number("listen_port"))
	require.Equal(t, 17, c.Number("pasv_min_port"))
	require.Equal(t, "We are #1 # here", c.Text("ftpd_banner"))
	require.Empty(t, c.Text("rsa_cert_file"), "an empty value unsets the default")
	require.Equal(t, "{.*,#x}", c.Text("hide_file"))
	require.Equal(t, "F:2: listen=0", c.From("listen"))
	require.Equal(t, "default: anonymous_enable=YES", c.From("anonymous_enable"))
	require.True(t, c.Set("rsa_cert_file"))
	require.False(t, c.Set("anonymous_enable"))
	require.Equal(t, Place{"F", 3}, c.At("local_umask"))
}

// Each row of the table is complete, and a file that says nothing is never refused.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, o := range Options {
		require.False(t, seen[o.Name], "%s stands there twice", o.Name)
		seen[o.Name] = true
		if o.Kind == Bool {
			_, ok := parseBool(o.Default)
			require.True(t, ok, o.Name)
		}
		if o.Kind == Number {
			_, ok := parseNumber(o.Default)
			require.True(t, ok, o.Name)
		}
		if o.If != "" {
			require.Equal(t, Bool, known(o.If).Kind, o.Name)
		}
		require.True(t, o.Treatment == Honoured || o.Why != "", "%s: say why", o.Name)
		if o.Treatment == Refused {
			require.Equal(t, o.Default, o.Same, "%s: a file that says nothing must not be refused", o.Name)
		}
		require.True(t, o.Treatment == Warned || o.Treatment == Refused || o.Same == "", o.Name)
	}
}
