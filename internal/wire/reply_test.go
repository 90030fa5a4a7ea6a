package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplyAppend(t *testing.T) {
	for _, tt := range []struct {
		reply Reply
		want  string
	}{
		{Text(200, "NOOP is fine"), "200 NOOP is fine\r\n"},
		{Text(200, ""), "200 \r\n"},
		{Reply{Code: 200}, "200 \r\n"},
		{Multi(220, "one"), "220 one\r\n"},
		{Multi(211, "Features", " MLST type*;", "End"), "211-Features\r\n MLST type*;\r\n211 End\r\n"},
		{Multi(214, "a", "", "211 fake", "-x", "b"), "214-a\r\n\r\n 211 fake\r\n-x\r\n214 b\r\n"},
		{Text(550, "a\r\n220 b\x00\x1b\t\xff ü\xe9"), "550 a??220 b?\x1b\t\xff\xff ü\xe9\r\n"},
		{Multi(211, "a\n", "\r\n", "\nb"), "211-a?\r\n??\r\n211 ?b\r\n"},
		{Text(0, "x"), "451 x\r\n"},
		{Text(-200, "x"), "451 x\r\n"},
		{Text(1000, "x"), "451 x\r\n"},
		{Text(631, "x"), "631 x\r\n"},
	} {
		assert.Equal(t, tt.want, string(tt.reply.Append(nil)))
		assert.Equal(t, "before"+tt.want, string(tt.reply.Append([]byte("before"))))
	}
}

func TestReplyLineLimit(t *testing.T) {
	for _, r := range []Reply{
		Text(200, strings.Repeat("x", 9000)),
		Text(200, strings.Repeat("ü", 9000)),
		Text(200, "x"+strings.Repeat("漢", 9000)),
		Text(200, "xy"+strings.Repeat("😀", 9000)),
		Text(200, strings.Repeat("\x80", 9000)),
		Text(200, strings.Repeat("\xff", 9000)),
		Multi(200, strings.Repeat("ü", 9000), strings.Repeat("1", 9000), strings.Repeat("漢", 9000), "end"),
	} {
		for line := range bytes.Lines(r.Append(nil)) {
			assert.LessOrEqual(t, len(line), 8000)
			assert.Equal(t, utf8.ValidString(r.Lines[0]), utf8.Valid(line))
		}
	}
	assert.Len(t, Text(200, strings.Repeat("x", 9000)).Append(nil), 8000)
	assert.Len(t, Text(200, strings.Repeat("\x80", 9000)).Append(nil), 8000)
	assert.Len(t, Text(200, "x"+strings.Repeat("\xff", 9000)).Append(nil), 7999, "no half of a doubled byte")
}

func TestReadReply(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want Reply
	}{
		{"220 hello\r\n", Text(220, "hello")},
		{"220\r\n", Text(220, "")},
		{"220-a\r\n220 b\r\n", Multi(220, "a", "b")},
		{"220-a\r\n220-b\r\n221 c\r\n 220 d\r\n220 e\r\n", Multi(220, "a", "220-b", "221 c", " 220 d", "e")},
		{"220-\r\n220\r\n", Multi(220, "", "")},
		{"257 \"/\xff\xff\xff\xff\xe9\"\r\n", Text(257, "\"/\xff\xff\xe9\"")},
	} {
		got, err := ReadReply(NewLineReader(strings.NewReader(tt.in), 0))
		require.NoError(t, err)
		assert.Equal(t, tt.want, got)
	}
	for _, in := range []string{"\r\n", "22\r\n", "2200 x\r\n", "abc\r\n", "020 x\r\n", "700 x\r\n", "220x\r\n", " 220 x\r\n", "SSH-2.0-x\r\n"} {
		_, err := ReadReply(NewLineReader(strings.NewReader(in), 0))
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
	for in, want := range map[string]error{"": io.EOF, "220": io.ErrUnexpectedEOF, "220-a\r\n": io.ErrUnexpectedEOF, "220-a\r\n22": io.ErrUnexpectedEOF} {
		_, err := ReadReply(NewLineReader(strings.NewReader(in), 0))
		assert.Equal(t, want, err, "%q", in)
	}
	_, err := ReadReply(NewLineReader(io.MultiReader(strings.NewReader("220-a\n"), &repeat{"\n", 2 << 20}), 0))
	assert.ErrorContains(t, err, "1 MiB")
}

func TestQuotePath(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"/", `"/"`},
		{`/a "b" c`, `"/a ""b"" c"`},
		{`"`, `""""`},
		{"", `""`},
	} {
		assert.Equal(t, tt.want, QuotePath(tt.name))
	}
	for _, in := range []string{"", "x", `"`, `"a`, `"a""`} {
		_, _, ok := UnquotePath(in)
		assert.False(t, ok, "%q", in)
	}
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("220 hello\r\n"))
	f.Add([]byte("211-a\r\n b\r\n211-c\r\n2x\r\n211 d\r\n"))
	f.Add([]byte("220\n"))
	f.Add([]byte("220-\x00\xff\xff\n220"))
	// The space put before a digit makes the longest line longer.
	f.Add([]byte("211-a\r\n2" + strings.Repeat("A", DefaultMaxLine-1) + "\r\n211 d\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		reply, err := ReadReply(NewLineReader(bytes.NewReader(in), 0))
		if err != nil {
			require.Zero(t, reply)
			return
		}
		out := reply.Append(nil)
		again, err := ReadReply(NewLineReader(bytes.NewReader(out), maxReplyLine))
		require.NoError(t, err)
		require.Equal(t, reply.Code, again.Code)
		require.Len(t, again.Lines, len(reply.Lines))
		require.Equal(t, string(out), string(again.Append(nil)), "printed once, it prints the same for ever")
	})
}

func FuzzReplyText(f *testing.F) {
	f.Add(uint16(211), "one", "211 two", "three\r\n220 four")
	f.Add(uint16(550), "\x00\xff", strings.Repeat("漢", 3000), "")
	f.Add(uint16(279), "0", "\x16", "0")
	f.Add(uint16(211), "0", "\x80a\x01", "0")
	f.Fuzz(func(t *testing.T, code uint16, a, b, c string) {
		out := Multi(int(code), a, b, c).Append(nil)
		lines := 0
		for line := range bytes.Lines(out) {
			lines++
			require.LessOrEqual(t, len(line), maxReplyLine)
			require.True(t, bytes.HasSuffix(line, []byte("\r\n")))
			require.Equal(t, -1, bytes.IndexAny(line[:len(line)-2], "\r\n\x00"))
		}
		require.Equal(t, 3, lines)
		again, err := ReadReply(NewLineReader(bytes.NewReader(out), maxReplyLine))
		require.NoError(t, err)
		require.Len(t, again.Lines, 3, "no text ends a reply early")
	})
}

func FuzzQuotePath(f *testing.F) {
	f.Add(`a"b""c`, ` is "here"`)
	f.Add(``, `"`)
	f.Fuzz(func(t *testing.T, name, rest string) {
		if strings.HasPrefix(rest, `"`) {
			return // no reply continues so, and the quotes would run together
		}
		got, tail, ok := UnquotePath(QuotePath(name) + rest)
		require.True(t, ok)
		require.Equal(t, name, got)
		require.Equal(t, rest, tail)
	})
}
