package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pieces splits in at every n bytes.
func pieces(in []byte, n int) (out [][]byte) {
	for len(in) > n {
		out = append(out, in[:n])
		in = in[n:]
	}
	return append(out, in, nil)
}

func toCRLF(in []byte, n int) (out []byte) {
	var a ToCRLF
	for _, p := range pieces(in, n) {
		out = a.Append(out, p)
	}
	return out
}

func fromCRLF(in []byte, n int) (out []byte) {
	var a FromCRLF
	for _, p := range pieces(in, n) {
		out = a.Append(out, p)
	}
	return a.End(out)
}

func TestASCII(t *testing.T) {
	for _, tt := range []struct{ in, to, from string }{
		{"", "", ""},
		{"a", "a", "a"},
		{"a\n", "a\r\n", "a\n"},
		{"\n\n", "\r\n\r\n", "\n\n"},
		{"a\r\nb\n", "a\r\nb\r\n", "a\nb\n"},
		{"\r\n\r\n", "\r\n\r\n", "\n\n"},
		{"a\rb\r", "a\rb\r", "a\rb\r"},
		{"\r\r\n", "\r\r\n", "\r\n"},
		{"\r\n\n\r", "\r\n\r\n\r", "\n\n\r"},
		{"\n\r\n", "\r\n\r\n", "\n\n"},
	} {
		for n := 1; n <= 4; n++ {
			assert.Equal(t, tt.to, string(toCRLF([]byte(tt.in), n)), "%q by %d", tt.in, n)
			assert.Equal(t, tt.from, string(fromCRLF([]byte(tt.in), n)), "%q by %d", tt.in, n)
		}
	}
}

func FuzzASCII(f *testing.F) {
	f.Add([]byte("a\nb\r\nc\rd\r\r\n\n"), uint8(1))
	f.Add([]byte("\r\n\r"), uint8(2))
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		n := int(size) + 1
		unix := bytes.ReplaceAll(in, []byte("\r\n"), []byte("\n"))
		to := toCRLF(in, n)
		require.Equal(t, string(bytes.ReplaceAll(unix, []byte("\n"), []byte("\r\n"))), string(to))
		require.LessOrEqual(t, len(to), 2*len(in))
		require.Equal(t, string(unix), string(fromCRLF(in, n)))
		require.Equal(t, string(unix), string(fromCRLF(to, n)))
	})
}

func benchASCII(b *testing.B, convert func(dst, src []byte) []byte, line string) {
	src := []byte(strings.Repeat(line, 32<<10/len(line)))
	dst := make([]byte, 0, 2*len(src))
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		dst = convert(dst[:0], src)
	}
}

func BenchmarkToCRLF(b *testing.B) {
	var a ToCRLF
	benchASCII(b, a.Append, strings.Repeat("x", 60)+"\n")
}

func BenchmarkFromCRLF(b *testing.B) {
	var a FromCRLF
	benchASCII(b, a.Append, strings.Repeat("x", 60)+"\r\n")
}
