package wire

import (
	"net/netip"
	"strings"
)

const wantEPRT = "|1|IPv4 address|port| or |2|IPv6 address|port|"

// ParseEPRT reads the argument of EPRT, RFC 2428, section 2: any printable
// character delimits, the protocol is 1 or 2 (any other number gives
// ErrProtocol), and the address is of that protocol. An IPv6 zone is refused
// because zones name interfaces of another machine; so is an IPv4 address
// dressed as IPv6 (::ffff:192.0.2.1), which could slip past a comparison of
// addresses.
func ParseEPRT(arg string) (netip.AddrPort, error) {
	var none netip.AddrPort
	if arg == "" || arg[0] < 33 || arg[0] > 126 {
		return none, wants(wantEPRT)
	}
	// One more than needed, so that a surplus field shows.
	field := strings.SplitN(arg, arg[:1], 6)
	if len(field) != 5 || field[4] != "" {
		return none, wants(wantEPRT)
	}
	family, err := protocol(field[1], wantEPRT)
	if err != nil {
		return none, err
	}
	addr, err := netip.ParseAddr(field[2])
	if err != nil || addr.Zone() != "" || addr.Is4In6() || addr.Is4() != (family == 4) {
		return none, wants(wantEPRT)
	}
	port, ok := canonical(field[3], 65535)
	if !ok || port == 0 {
		return none, wants(wantEPRT)
	}
	return netip.AddrPortFrom(addr, uint16(port)), nil
}

// ParseEPSV reads the argument of EPSV, RFC 2428, section 3. An empty argument
// gives family 0, the family of the control connection; 1 and 2 give 4 and 6;
// ALL in any case gives all. Another number gives ErrProtocol.
func ParseEPSV(arg string) (family int, all bool, err error) {
	if arg == "" {
		return 0, false, nil
	}
	if upper(arg) == "ALL" {
		return 0, true, nil
	}
	family, err = protocol(arg, "no argument, 1, 2 or ALL")
	return family, false, err
}

// ParseEPSVReply finds the port in the text of a 229 reply, RFC 2428, section 3:
// "(<d><d><d><port><d>)".
func ParseEPSVReply(text string) (port uint16, err error) {
	for inner := range parentheses(text) {
		n := len(inner) - 1
		if n < 4 || inner[0] < 33 || inner[0] > 126 ||
			inner[1] != inner[0] || inner[2] != inner[0] || inner[n] != inner[0] {
			continue
		}
		if port, ok := canonical(inner[3:n], 65535); ok && port != 0 {
			return uint16(port), nil
		}
	}
	return 0, &SyntaxError{"A 229 reply", "a port as (|||port|)"}
}

// protocol reads an address family number, RFC 2428, section 2.
func protocol(s, want string) (family int, err error) {
	switch s {
	case "1":
		return 4, nil
	case "2":
		return 6, nil
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0, wants(want)
		}
	}
	if s == "" {
		return 0, wants(want)
	}
	return 0, ErrProtocol
}
