package wire

import (
	"net/netip"
	"strconv"
	"strings"
)

// wantPort words the error of PORT and of a 227 reply alike.
const wantPort = "six numbers h1,h2,h3,h4,p1,p2 from 0 to 255, the port not 0"

// ParsePort reads the argument of PORT, RFC 959, section 5.3.2: four decimals of
// an IPv4 address and two of a port, with commas and nothing else. Zeros in
// front are refused, since some read them as octal. Whether the address may be
// dialled is for the caller to decide.
func ParsePort(arg string) (netip.AddrPort, error) {
	var b [6]byte
	rest := arg
	for i := range b {
		word, tail, found := strings.Cut(rest, ",")
		n, ok := canonical(word, 255)
		if !ok || found == (i == 5) {
			return netip.AddrPort{}, wants(wantPort)
		}
		b[i], rest = byte(n), tail
	}
	port := uint16(b[4])<<8 | uint16(b[5])
	if port == 0 {
		return netip.AddrPort{}, wants(wantPort)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), port), nil
}

// FormatPort returns the host-port of PORT and of the 227 reply, "192,0,2,1,82,8". An
// IPv4 address inside IPv6 is printed as IPv4. For any other address the result
// is empty: this form cannot carry it.
func FormatPort(ap netip.AddrPort) string {
	addr := ap.Addr().Unmap()
	if !addr.Is4() {
		return ""
	}
	var buf [len("255,255,255,255,255,255")]byte
	dst := buf[:0]
	for _, b := range addr.As4() {
		dst = append(strconv.AppendUint(dst, uint64(b), 10), ',')
	}
	dst = append(strconv.AppendUint(dst, uint64(ap.Port()>>8), 10), ',')
	return string(strconv.AppendUint(dst, uint64(ap.Port()&0xff), 10))
}

// ParsePasvReply finds the address in the text of a 227 reply, as a client does.
// RFC 959 fixes no place for it; RFC 1123, section 4.1.2.6 makes clients search.
// Only the form in parentheses is found, which the strictest clients need.
func ParsePasvReply(text string) (netip.AddrPort, error) {
	for inner := range parentheses(text) {
		if ap, err := ParsePort(inner); err == nil {
			return ap, nil
		}
	}
	return netip.AddrPort{}, &SyntaxError{"A 227 reply", wantPort + ", in parentheses"}
}

// parentheses yields what stands between each "(" and the ")" next to it.
func parentheses(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, rest, found := strings.Cut(text, "(")
			if !found {
				return
			}
			inner, _, found := strings.Cut(rest, ")")
			if !found || !yield(inner) {
				return
			}
			text = rest
		}
	}
}

// canonical reads a number as digits does, without zeros in front.
func canonical(s string, limit uint64) (n uint64, ok bool) {
	if len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	return digits(s, limit)
}
