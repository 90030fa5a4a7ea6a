package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Printable returns s for a log or a terminal: control bytes and invalid UTF-8 become
// \xHH, and runes that end a line or turn the direction of text become \uHHHH, so
// that a file name cannot forge a second entry or hide one (CWE-117, CVE-2021-42574).
// A backslash that would read as the beginning of such an escape becomes \x5c, so
// that [Original] gets s back. A clean string is returned as it is, without
// allocation.
func Printable(s string) string {
	i := 0
	for i < len(s) {
		n, bad := unprintable(s[i:])
		if bad {
			return escape(s, i)
		}
		i += n
	}
	return s
}

// Original undoes [Printable].
func Original(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for s != "" {
		switch n := escapeLen(s); n {
		case 0:
			out, s = append(out, s[0]), s[1:]
		case 4:
			c, _ := strconv.ParseUint(s[2:n], 16, 8)
			out, s = append(out, byte(c)), s[n:]
		default:
			r, _ := strconv.ParseUint(s[2:n], 16, 16)
			out, s = utf8.AppendRune(out, rune(r)), s[n:]
		}
	}
	return string(out)
}

// escapeLen returns the length of the escape \xHH or \uHHHH that s begins with, 0 for
// none.
func escapeLen(s string) int {
	n := 0
	switch {
	case len(s) >= 4 && s[0] == '\\' && s[1] == 'x':
		n = 4
	case len(s) >= 6 && s[0] == '\\' && s[1] == 'u':
		n = 6
	default:
		return 0
	}
	for i := 2; i < n; i++ {
		if !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
			return 0
		}
	}
	return n
}

func escape(s string, clean int) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:clean])
	for i := clean; i < len(s); {
		n, bad := unprintable(s[i:])
		switch {
		case !bad:
			b.WriteString(s[i : i+n])
		case n == 1:
			b.WriteString(`\x`)
			b.WriteByte(hex[s[i]>>4])
			b.WriteByte(hex[s[i]&15])
		default:
			r, _ := utf8.DecodeRuneInString(s[i:])
			b.WriteString(`\u`)
			for shift := 12; shift >= 0; shift -= 4 {
				b.WriteByte(hex[r>>shift&15])
			}
		}
		i += n
	}
	return b.String()
}

// unprintable looks at the first rune of s: its length, and whether it has to
// be escaped.
func unprintable(s string) (n int, bad bool) {
	if c := s[0]; c < utf8.RuneSelf {
		return 1, c < ' ' || c == 0x7f || c == '\\' && escapeLen(s) > 0
	}
	r, n := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && n == 1,
		r <= 0x9f,                // C1; 0x9b is an escape sequence on its own
		r == 0x61c,               // Arabic letter mark
		r == 0x200e, r == 0x200f, // direction marks
		0x2028 <= r && r <= 0x202e, // line and paragraph separators, embeddings
		0x2066 <= r && r <= 0x2069: // isolates
		return n, true
	}
	return n, false
}

// appendName appends a name to a listing line as it is, so that the client can
// send back what it read: names are bytes. '?' takes the place of CR, LF and NUL,
// which would break the line; whoever makes listings leaves out such names, see
// [Nameable].
func appendName(dst []byte, name string) []byte {
	start := len(dst)
	dst = append(dst, name...)
	if plain(name) {
		return dst
	}
	return unbreak(dst, start)
}

// unbreak replaces what breaks a line in dst from start on.
func unbreak(dst []byte, start int) []byte {
	for i := start; i < len(dst); i++ {
		if c := dst[i]; c == '\r' || c == '\n' || c == 0 {
			dst[i] = '?'
		}
	}
	return dst
}

// appendClean appends a text that is for people only: '?' takes the place of
// every control rune and every invalid byte.
func appendClean(dst []byte, text string) []byte {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' || r >= 0x7f && r <= 0x9f {
			dst = append(dst, '?')
		} else {
			dst = append(dst, text[i:i+n]...)
		}
		i += n
	}
	return dst
}

// plain reports whether a text is printable ASCII throughout, as most names
// are. It looks at eight bytes at a time.
func plain(s string) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	var odd uint64
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		w := s[i : i+8]
		x := uint64(w[0]) | uint64(w[1])<<8 | uint64(w[2])<<16 | uint64(w[3])<<24 |
			uint64(w[4])<<32 | uint64(w[5])<<40 | uint64(w[6])<<48 | uint64(w[7])<<56
		// The top bit of a byte says: beyond ASCII, below ' ', or DEL.
		odd |= x | (x - ones*' ') | (x + ones)
	}
	for ; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return odd&tops == 0
}
