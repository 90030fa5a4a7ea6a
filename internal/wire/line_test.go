package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readAll returns every line in a readable form, and the error that ended the
// input.
func readAll(l *LineReader) (lines []string, err error) {
	for {
		line, err := l.ReadLine()
		switch {
		case errors.Is(err, ErrLineTooLong):
			lines = append(lines, "<long>")
		case err != nil:
			return lines, err
		default:
			lines = append(lines, string(line))
		}
	}
}

func TestReadLine(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []string
		err      error
	}{
		{"nothing", "", nil, io.EOF},
		{"CRLF", "NOOP\r\nQUIT\r\n", []string{"NOOP", "QUIT"}, io.EOF},
		{"bare LF", "NOOP\nQUIT\n", []string{"NOOP", "QUIT"}, io.EOF},
		{"empty lines", "\r\n\nNOOP\r\n", []string{"", "", "NOOP"}, io.EOF},
		{"lone CR is data", "a\rb\r\r\n\rc\n", []string{"a\rb\r", "\rc"}, io.EOF},
		{"CR NUL is data", "a\r\x00b\r\n", []string{"a\r\x00b"}, io.EOF},
		{"cut", "NOOP\r\nDELE ab", []string{"NOOP"}, io.ErrUnexpectedEOF},
		{"cut after CR", "NOOP\r", nil, io.ErrUnexpectedEOF},
		{"cut in a long line", "123456789", nil, io.ErrUnexpectedEOF},
		{"at the limit", "12345678\r\n12345678\n", []string{"12345678", "12345678"}, io.EOF},
		{"over the limit", "123456789\r\nNOOP\r\n", []string{"<long>", "NOOP"}, io.EOF},
		{"CR over the limit", "12345678\r9\r\n12345678\r\r\nA\n", []string{"<long>", "<long>", "A"}, io.EOF},
		{"very long", strings.Repeat("x", 100_000) + "\nA\n" + strings.Repeat("y", 9) + "\nB\n", []string{"<long>", "A", "<long>", "B"}, io.EOF},
		{"IAC IAC", "a\xff\xffb\n", []string{"a\xffb"}, io.EOF},
		{"options", "\xff\xfb\x01a\xff\xfc\nb\xff\xfd\x03c\xff\xfe\xffd\r\n", []string{"abcd"}, io.EOF},
		{"commands", "a\xff\xf1b\xff\xf0c\xff\xf9\r\xff\xf1\n", []string{"abc"}, io.EOF},
		{"ABOR, urgent in line", "\xff\xf4\xff\xf2ABOR\r\n", []string{"ABOR"}, io.EOF},
		{"ABOR, DM lost", "\xff\xf4\xffABOR\r\n", []string{"ABOR"}, io.EOF},
		{"ABOR, IAC lost", "\xff\xf4\xf2ABOR\r\n", []string{"ABOR"}, io.EOF},
		{"DM without a command is data", "\xf2ABOR\r\n", []string{"\xf2ABOR"}, io.EOF},
		{"DM later is data", "\xff\xf4A\xf2\r\n", []string{"A\xf2"}, io.EOF},
		{"undoubled 0xFF is data", "RETR \xffx\xff\r\nA\xff\nB\n", []string{"RETR \xffx\xff", "A\xff", "B"}, io.EOF},
		{"undoubled 0xFF at the limit", "1234567\xffx\nA\n123456\xffx\n", []string{"<long>", "A", "123456\xffx"}, io.EOF},
		{"telnet does not count", strings.Repeat("\xff\xf1", 999) + "12345678\n", []string{"12345678"}, io.EOF},
		{"cut telnet", "\xff", nil, io.EOF},
		{"cut telnet in a line", "A\xff", nil, io.ErrUnexpectedEOF},
	} {
		for how, split := range map[string]func(io.Reader) io.Reader{
			"whole":    func(r io.Reader) io.Reader { return r },
			"one byte": iotest.OneByteReader,
			"half":     iotest.HalfReader,
			"data+err": iotest.DataErrReader,
		} {
			t.Run(tt.name+"/"+how, func(t *testing.T) {
				limit := 8
				if strings.Contains(tt.in, "NOOP\r\nDELE") || strings.Contains(tt.in, "RETR") {
					limit = 12
				}
				lines, err := readAll(NewLineReader(split(strings.NewReader(tt.in)), limit))
				assert.Equal(t, tt.want, lines)
				assert.Equal(t, tt.err, err)
			})
		}
	}
}

func TestReadLineGoesOnAfterTimeout(t *testing.T) {
	l := NewLineReader(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("NOOP\r\n"))), 0)
	_, err := l.ReadLine()
	require.ErrorIs(t, err, iotest.ErrTimeout)
	assert.Equal(t, 1, l.Buffered())
	line, err := l.ReadLine()
	require.NoError(t, err)
	assert.Equal(t, "NOOP", string(line))
}

func TestReadLineErrorAfterData(t *testing.T) {
	l := NewLineReader(io.MultiReader(strings.NewReader("NOOP\r\nQU"), iotest.ErrReader(os.ErrDeadlineExceeded)), 0)
	line, err := l.ReadLine()
	require.NoError(t, err)
	assert.Equal(t, "NOOP", string(line))
	_, err = l.ReadLine()
	assert.Equal(t, os.ErrDeadlineExceeded, err)
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

func TestReadLineNoProgress(t *testing.T) {
	_, err := NewLineReader(emptyReader{}, 0).ReadLine()
	assert.Equal(t, io.ErrNoProgress, err)
}

// repeat is a stream of n bytes that say the same over and over.
type repeat struct {
	text string
	n    int
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.n <= 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), r.n)]
	for i := range p {
		p[i] = r.text[(r.n-i)%len(r.text)]
	}
	r.n -= len(p)
	return len(p), nil
}

func TestLineReaderMemory(t *testing.T) {
	t.Run("short lines", func(t *testing.T) {
		l := NewLineReader(strings.NewReader(strings.Repeat("NOOP\r\n", 10_000)), 0)
		_, err := readAll(l)
		require.Equal(t, io.EOF, err)
		assert.Equal(t, idleBuffer, len(l.buf))
	})
	t.Run("shrinks after a long line", func(t *testing.T) {
		l := NewLineReader(strings.NewReader(strings.Repeat("x", 4096)+"\r\nNOOP\r\n"), 0)
		line, err := l.ReadLine()
		require.NoError(t, err)
		assert.Len(t, line, 4096)
		assert.LessOrEqual(t, len(l.buf), 4096+3)
		lines, err := readAll(l)
		assert.Equal(t, []string{"NOOP"}, lines)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, idleBuffer, len(l.buf))
	})
	t.Run("telnet alone", func(t *testing.T) {
		l := NewLineReader(&repeat{"\xff\xf1", 1 << 20}, 0)
		_, err := l.ReadLine()
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, idleBuffer, len(l.buf))
	})
	t.Run("one endless line", func(t *testing.T) {
		l := NewLineReader(&repeat{"x", 1 << 20}, 0)
		_, err := l.ReadLine()
		assert.Equal(t, io.ErrUnexpectedEOF, err)
		assert.LessOrEqual(t, len(l.buf), 4096+3)
	})
}

func TestLineReaderDiscard(t *testing.T) {
	l := NewLineReader(strings.NewReader("AUTH TLS\r\nUSER x\r\nPA"), 0)
	line, err := l.ReadLine()
	require.NoError(t, err)
	assert.Equal(t, 10, l.Buffered())
	l.Discard()
	assert.Zero(t, l.Buffered())
	assert.Equal(t, "AUTH TLS", string(line), "a returned line outlives Discard")
	_, err = l.ReadLine()
	assert.Equal(t, io.EOF, err, "nothing of the second command is left")
}

func TestLineReaderReset(t *testing.T) {
	l := NewLineReader(strings.NewReader("half a line"), 0)
	_, err := l.ReadLine()
	require.Equal(t, io.ErrUnexpectedEOF, err)
	assert.Equal(t, 11, l.Buffered())
	l.Reset(strings.NewReader("NOOP\r\n"))
	assert.Zero(t, l.Buffered())
	lines, _ := readAll(l)
	assert.Equal(t, []string{"NOOP"}, lines)
}

// scriptReader returns the input in pieces whose sizes come from a script, some
// of them empty and some cut by a time-out.
type scriptReader struct {
	in     []byte
	script []byte
	at     int
}

func (s *scriptReader) Read(p []byte) (int, error) {
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := 1
	if len(s.script) > 0 {
		n = int(s.script[s.at%len(s.script)])
		s.at++
	}
	if n == 0xff {
		return 0, os.ErrDeadlineExceeded
	}
	n = copy(p, s.in[:min(n, len(s.in))])
	s.in = s.in[n:]
	return n, nil
}

func FuzzLineReader(f *testing.F) {
	f.Add([]byte("USER a\r\nPASS b\nDELE c"), []byte{3, 1, 0xff}, uint16(8))
	f.Add([]byte("\xff\xf4\xff\xf2ABOR\r\n\xff\xf4\xf2ABOR\r\n"), []byte{1}, uint16(64))
	f.Add([]byte("a\xffb\xff\xffc\xff\xfb\nd\r\r\n"), []byte{2, 0, 1}, uint16(3))
	f.Add(bytes.Repeat([]byte("x"), 600), []byte{200}, uint16(300))
	f.Fuzz(func(t *testing.T, in, script []byte, limit uint16) {
		allowed := int(limit)%5000 + 1
		want, wantErr := readAll(NewLineReader(bytes.NewReader(in), allowed))
		for _, r := range []io.Reader{
			iotest.OneByteReader(bytes.NewReader(in)),
			iotest.HalfReader(bytes.NewReader(in)),
			iotest.DataErrReader(bytes.NewReader(in)),
		} {
			got, err := readAll(NewLineReader(r, allowed))
			require.Equal(t, want, got)
			require.Equal(t, wantErr, err)
		}

		var got []string
		l := NewLineReader(&scriptReader{in: in, script: script}, allowed)
		for tries := 0; ; {
			lines, err := readAll(l)
			got = append(got, lines...)
			if err == os.ErrDeadlineExceeded || err == io.ErrNoProgress {
				if tries++; tries > 1000 {
					return // a script of nothing but time-outs
				}
				continue
			}
			require.Equal(t, wantErr, err)
			break
		}
		require.Equal(t, want, got)
		require.LessOrEqual(t, len(l.buf), max(allowed+3, idleBuffer))

		var out bytes.Buffer
		for i, line := range want {
			require.LessOrEqual(t, len(line), max(allowed, len("<long>")))
			require.NotContains(t, line, "\n")
			if line == "<long>" {
				want[i] = ""
				line = ""
			}
			out.WriteString(strings.ReplaceAll(line, "\xff", "\xff\xff") + "\r\n")
		}
		again, err := readAll(NewLineReader(&out, allowed))
		require.Equal(t, io.EOF, err)
		require.Equal(t, want, again)
	})
}
