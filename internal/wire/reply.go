package wire

import (
	"strings"
	"unicode/utf8"
)

// maxReplyLine is the longest line of a reply with its CRLF. Python's ftplib
// gives up at 8,192 bytes.
const maxReplyLine = 8000

// Reply is one reply of the control channel, RFC 959, section 4.2.
type Reply struct {
	// Code is the three-digit code, 100 to 699 (6yz is RFC 2228's).
	Code int
	// Lines are the texts without code and CRLF. None means one empty line.
	Lines []string
}

// Text returns a reply of one line.
func Text(code int, text string) Reply { return Reply{code, []string{text}} }

// Multi returns a reply of several lines. With one line it is the same as [Text].
func Multi(code int, lines ...string) Reply { return Reply{code, lines} }

// Append appends the reply as it goes on the wire. RFC 959, section 4.2: the
// first line has the code and a hyphen, the last one the code and a space, and
// a line between them that starts with a digit is indented, lest a client takes
// it for the last. Other lines between are verbatim: RFC 2389, section 3.2 and
// RFC 3659, section 7.2 want exactly one space there, which the caller writes.
//
// CR, LF and NUL become '?', and 0xFF is doubled, since alone it is telnet's IAC
// (RFC 854). Other bytes go as they are, UTF-8 or not, control bytes too: names are
// bytes, and a client sends back what it read. A line longer than 8,000 bytes is
// cut between two runes. A code out of range is a bug of the caller and sent as
// 451, so that the client stays in step.
func (r Reply) Append(dst []byte) []byte {
	if r.Code < 100 || r.Code > 699 {
		r.Code = 451
	}
	code := [4]byte{byte('0' + r.Code/100), byte('0' + r.Code/10%10), byte('0' + r.Code%10), ' '}
	if len(r.Lines) == 0 {
		return append(append(dst, code[:]...), '\r', '\n')
	}
	last := len(r.Lines) - 1
	for i, line := range r.Lines {
		start := len(dst)
		switch {
		case i == last:
			dst = append(dst, code[:]...)
		case i == 0:
			dst = append(append(dst, code[:3]...), '-')
		case misread(line):
			dst = append(dst, ' ')
		}
		dst = appendText(dst, line, maxReplyLine-2-(len(dst)-start))
	}
	return dst
}

// misread reports whether a line inside a reply would be taken for the reply's last
// line, or for the begin of TLS.
func misread(line string) bool {
	if line == "" {
		return false
	}
	start := []byte(line[:min(3, len(line))])
	return isDigit(start[0]) || beginsTLS(start[:1]) || beginsTLS(start)
}

// appendText appends at most limit bytes that stand for text, and CRLF.
func appendText(dst []byte, text string, limit int) []byte {
	end := len(dst) + limit
	for i := 0; i < len(text); {
		_, n := utf8.DecodeRuneInString(text[i:])
		size := n
		if text[i] == telnetIAC {
			size = 2
		}
		if len(dst)+size > end {
			break
		}
		switch c := text[i]; {
		case c == '\r', c == '\n', c == 0:
			dst = append(dst, '?')
		case c == telnetIAC:
			dst = append(dst, telnetIAC, telnetIAC)
		default:
			dst = append(dst, text[i:i+n]...)
		}
		i += n
	}
	return append(dst, '\r', '\n')
}

// QuotePath returns a path as 257 and MLST-like replies show it: in double quotes,
// with each double quote inside doubled. RFC 959, Appendix II.
func QuotePath(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// UnquotePath finds the path that [QuotePath] wrote at the start of a reply's
// text and returns it with the text behind. ok is false when there is none.
func UnquotePath(text string) (name, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			i++
			continue
		}
		return strings.ReplaceAll(text[1:i], `""`, `"`), text[i+1:], true
	}
	return "", "", false
}
