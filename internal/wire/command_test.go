package wire

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseCommand(t *testing.T) {
	for _, tt := range []struct {
		line string
		want Command
	}{
		{"NOOP", Command{"NOOP", "", false}},
		{"noop", Command{"NOOP", "", false}},
		{"xSha512 f", Command{"XSHA512", "f", true}},
		{"CWD ", Command{"CWD", "", true}},
		{"RETR  a b ", Command{"RETR", " a b ", true}},
		{"PASS \xff\x80\x1b\t\x7f", Command{"PASS", "\xff\x80\x1b\t\x7f", true}},
		{"USER grüße", Command{"USER", "grüße", true}},
	} {
		got, err := ParseCommand([]byte(tt.line))
		require.NoError(t, err, "%q", tt.line)
		assert.Equal(t, tt.want, got)
		assert.True(t, strings.EqualFold(tt.line, got.String()))
	}
}

func TestParseCommandRefuses(t *testing.T) {
	for _, line := range []string{
		" NOOP", "\tNOOP", "NO\tOP", "NOOP\t", "N\x00OP", "\xd0\xd0", "NO\xc3\x89P", "\x80", "\x1b[2J", "-", "NO-OP x",
		"USER a\x00", "USER a\rb", "USER a\nDELE b", "USER \r", "\"", "ABCDEFGHIJKLMNOPQ", "GET/ HTTP",
	} {
		_, err := ParseCommand([]byte(line))
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, "%q", line)
		assert.Contains(t, err.Error(), "A command line needs ")
	}
	_, err := ParseCommand(nil)
	assert.ErrorIs(t, err, ErrEmpty)
}

func TestRedacted(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"PASS secret", "PASS ****"},
		{"pass x", "PASS ****"},
		{"PASS", "PASS"},
		{"PASS ", "PASS ****"},
		{"ACCT 1", "ACCT ****"},
		{"USER bob", "USER bob"},
		{"DELE \x1b[2J\x9b", `DELE \x1b[2J\x9b`},
	} {
		cmd, err := ParseCommand([]byte(tt.line))
		require.NoError(t, err)
		assert.Equal(t, tt.want, cmd.Redacted())
	}
}

func TestSplitVerb(t *testing.T) {
	for _, tt := range []struct{ in, verb, rest string }{
		{"", "", ""},
		{"help", "HELP", ""},
		{"chmod 644 a b", "CHMOD", "644 a b"},
		{"utf8 ON", "UTF8", "ON"},
		{"chmod  x ", "CHMOD", " x "},
		{" chmod x", "", "chmod x"},
		{"straße x", "STRAßE", "x"},
	} {
		verb, rest := SplitVerb(tt.in)
		assert.Equal(t, tt.verb, verb)
		assert.Equal(t, tt.rest, rest)
	}
}

func TestListArg(t *testing.T) {
	for _, tt := range []struct{ in, flags, path string }{
		{"", "", ""},
		{"dir", "", "dir"},
		{"-al", "al", ""},
		{"-al ", "al", ""},
		{"-a -l", "al", ""},
		{"-CF *.txt", "CF", "*.txt"},
		{"-la dir with space ", "la", "dir with space "},
		{"-la  dir", "la", " dir"},
		{"-1 -- -al", "1", "-al"},
		{"--", "", ""},
		{"-- ", "", ""},
		{"-- -- x", "", "-- x"},
		{"-", "", "-"},
		{"- x", "", "- x"},
		{"-a -", "a", "-"},
		{"-a.txt", "", "-a.txt"},
		{"-l --color x", "l", "--color x"},
		{"-é", "", "-é"},
		{" -l", "", " -l"},
	} {
		flags, path := ListArg(tt.in)
		assert.Equal(t, tt.flags, flags, "%q", tt.in)
		assert.Equal(t, tt.path, path, "%q", tt.in)
	}
}

func TestPrintable(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"plain ü 漢 \\ \"", "plain ü 漢 \\ \""},
		{"a\r\nb", `a\x0d\x0ab`},
		{"\x00\t\x1b\x7f", `\x00\x09\x1b\x7f`},
		{"\x9b1m", `\x9b1m`},
		{"\u009b1m\u0085", `\u009b1m\u0085`},
		{"a\u202egpj.exe", `a\u202egpj.exe`},
		{"\u2028\u2029\u2066\u2069\u200e\u061c", `\u2028\u2029\u2066\u2069\u200e\u061c`},
		{"\xc3", `\xc3`},
		{"\ufffd", "\ufffd"},
		{`back\slash \x \xg0 \u123 \XE9 \xE9`, `back\slash \x \xg0 \u123 \XE9 \xE9`},
		{`\xe9\u202e`, `\x5cxe9\x5cu202e`},
		{"\xe9" + `\xe9`, `\xe9\x5cxe9`},
		{`\x5c`, `\x5cx5c`},
		{`\\x5c`, `\\x5cx5c`},
	} {
		assert.Equal(t, tt.want, Printable(tt.in))
		assert.Equal(t, tt.in, Original(tt.want))
	}
	assert.Equal(t, `\`, Original(`\`))
	assert.Equal(t, `\x5`, Original(`\x5`))
	clean := "/a/long name/ü"
	assert.Zero(t, testing.AllocsPerRun(10, func() { Printable(clean) }))
}

func FuzzCommand(f *testing.F) {
	for _, s := range []string{"NOOP", "user x", "PASS \xff", "RETR  a ", "A\x00", "CWD "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		cmd, err := ParseCommand(line)
		if err != nil {
			require.Zero(t, cmd)
			return
		}
		require.Equal(t, line[len(cmd.Verb):], []byte(cmd.String())[len(cmd.Verb):], "an argument is untouched")
		require.NotContains(t, cmd.String(), "\n")
		again, err := ParseCommand([]byte(cmd.String()))
		require.NoError(t, err)
		require.Equal(t, cmd, again)

		log := cmd.Redacted()
		require.True(t, utf8.ValidString(log))
		switch {
		case cmd.HasArg && cmd.Verb == "PASS":
			require.Equal(t, "PASS ****", log)
		case cmd.Verb != "ACCT":
			require.Equal(t, cmd.String(), Original(log))
		}
	})
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\r\n\x1b\x9b\u0085\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		out := Printable(s)
		require.True(t, utf8.ValidString(out))
		require.Equal(t, s, Original(out), "nothing is lost")
		require.GreaterOrEqual(t, len(out), len(s))
		for _, r := range out {
			require.False(t, r < ' ' || r >= 0x7f && r <= 0x9f, "%q", out)
		}
	})
}

func FuzzListArg(f *testing.F) {
	for _, s := range []string{"-al dir", "-a -l -- -x", "-", "--", "- ", "-- "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		flags, path := ListArg(arg)
		require.True(t, allAlnum(flags))
		require.True(t, strings.HasSuffix(arg, path), "a path is untouched")
		if !strings.HasPrefix(arg, "-") {
			require.Equal(t, arg, path)
		}
		printed := "-- " + path
		if flags != "" {
			printed = "-" + flags + " " + printed
		}
		flags2, path2 := ListArg(printed)
		require.Equal(t, flags, flags2)
		require.Equal(t, path, path2)
	})
}
