package tcpwrap

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/networks"
)

// Parse returns the rules that the text of a file has for a daemon. name is that of the file; allow says whether it is
// hosts.allow. Lines about other daemons are not looked at any further. The error joins one for each line that can't be
// followed.
func Parse(name, text, daemon string, allow bool) (all []Rule, err error) {
	for n, line := range joinedLines(text) {
		rule, ours, wrong := parseRule(line, daemon, allow)
		rule.At = fmt.Sprintf("%s:%d", name, n)
		switch {
		case wrong != nil:
			err = errors.Join(err, fmt.Errorf("%s: %w", rule.At, wrong))
		case ours:
			all = append(all, rule)
		}
	}
	return all, err
}

// joinedLines yields the lines that are neither empty nor comments, with the numbers that they begin at. A backslash at
// the end of a line joins it with the next.
func joinedLines(text string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		first, line := 0, ""
		for i, part := range strings.Split(text, "\n") {
			if line == "" {
				first = i + 1
			}
			part = strings.TrimSuffix(part, "\r")
			if rest, more := strings.CutSuffix(part, `\`); more {
				line += rest
				continue
			}
			line += part
			if trimmed := strings.TrimSpace(line); trimmed != "" && line[0] != '#' && !yield(first, trimmed) {
				return
			}
			line = ""
		}
	}
}

// parseRule reads daemons : clients : option ... and reports whether the daemon is among the daemons.
func parseRule(line, daemon string, allow bool) (r Rule, ours bool, err error) {
	r.Allow = allow
	fields := split(line)
	if len(fields) < 2 {
		return r, false, fmt.Errorf("%q is no rule; want daemons : clients", line)
	}
	if ours, err = hasDaemon(words(fields[0]), daemon); err != nil || !ours {
		return r, false, err
	}
	clients, err := parseList(words(fields[1]))
	if err != nil {
		return r, true, err
	}
	r.Clients = *clients
	for i, option := range fields[2:] {
		switch keyword := strings.ToLower(keyword(option)); keyword {
		case "allow", "deny":
			if i != len(fields)-3 {
				return r, true, fmt.Errorf("%q is not at the end of the rule", option)
			}
			r.Allow = keyword == "allow"
		case "severity", "keepalive", "linger", "nice": // are about things of which there is nothing here
		case "setenv":
			if slices.Contains(words(option), "VSFTPD_LOAD_CONF") {
				return r, true, errors.New("a configuration for some clients alone (VSFTPD_LOAD_CONF) is not supported; run a second server for them on an address of its own, or remove the rule")
			}
		default:
			return r, true, fmt.Errorf("the option %q is not supported, since no command is run for a client; remove it", option)
		}
	}
	return r, true, nil
}

// split splits a rule at the colons that are in no brackets and behind no backslash.
func split(line string) []string {
	fields, depth := []string{""}, 0
	for i := 0; i < len(line); i++ {
		last := &fields[len(fields)-1]
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] == ':':
			*last += ":"
			i++
		case c == ':' && depth == 0:
			fields = append(fields, "")
		default:
			if c == '[' {
				depth++
			} else if c == ']' && depth > 0 {
				depth--
			}
			*last += string(c)
		}
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	return fields
}

// words returns the words of a list, between blanks and commas.
func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
}

// keyword returns the first word of an option, which may be followed by a blank or by =.
func keyword(option string) string {
	word, _, _ := strings.Cut(option, " ")
	word, _, _ = strings.Cut(word, "\t")
	word, _, _ = strings.Cut(word, "=")
	return word
}

// hasDaemon reports whether a list of daemons has one: a EXCEPT b EXCEPT c is a without what is in b and not in c.
func hasDaemon(list []string, daemon string) (bool, error) {
	for i, word := range list {
		name, where, at := strings.Cut(word, "@")
		switch {
		case strings.EqualFold(word, "EXCEPT"):
			return false, nil
		case !strings.EqualFold(name, "ALL") && !strings.EqualFold(name, daemon):
			continue
		case at:
			return false, fmt.Errorf("%q: rules for one address of this host are not supported; name the daemon without @%s", word, where)
		}
		rest := list[i:]
		except := slices.IndexFunc(rest, func(w string) bool { return strings.EqualFold(w, "EXCEPT") })
		if except < 0 {
			return true, nil
		}
		but, err := hasDaemon(rest[except+1:], daemon)
		return !but, err
	}
	return false, nil
}

// parseList reads a list of clients.
func parseList(list []string) (*List, error) {
	l := &List{}
	for i, word := range list {
		switch {
		case strings.EqualFold(word, "EXCEPT"):
			var err error
			l.Except, err = parseList(list[i+1:])
			return l, err
		case strings.EqualFold(word, "ALL"):
			l.Any = true
		default:
			n, err := parseClient(word)
			if err != nil {
				return nil, err
			}
			l.Networks = append(l.Networks, n)
		}
	}
	if !l.Any && len(l.Networks) == 0 {
		return nil, errors.New("the rule names no clients")
	}
	return l, nil
}

// parseClient reads an address or a network: 192.0.2.1, 192.168., 192.0.2.0/24, 192.0.2.0/255.255.255.0, [2001:db8::1],
// [2001:db8::]/32 or [2001:db8::/32].
func parseClient(word string) (netip.Prefix, error) {
	if begin, ok := strings.CutSuffix(word, "."); ok {
		return parseBeginning(begin)
	}
	bare := strings.NewReplacer("[", "", "]", "").Replace(word)
	if addr, mask, ok := strings.Cut(bare, "/"); ok {
		if m, err := netip.ParseAddr(mask); err == nil && m.Is4() {
			size, all := net.IPMask(m.AsSlice()).Size()
			if all == 0 {
				return netip.Prefix{}, fmt.Errorf("%q: the mask has gaps", word)
			}
			bare = fmt.Sprintf("%s/%d", addr, size)
		}
	}
	addr, _, _ := strings.Cut(bare, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.Prefix{}, errNames(word)
	}
	if a.Is6() != (word[0] == '[') {
		return netip.Prefix{}, fmt.Errorf("%q is no address; IPv6 stands in brackets, such as [2001:db8::1], and IPv4 doesn't", word)
	}
	n, err := networks.Parse(bare)
	if err != nil {
		return n, fmt.Errorf("no client is meant by it: %w", err)
	}
	return n, nil
}

// parseBeginning reads the beginning of an IPv4 address: 192.168 for 192.168. as a file has it.
func parseBeginning(begin string) (netip.Prefix, error) {
	n := strings.Count(begin, ".") + 1
	addr, err := netip.ParseAddr(begin + strings.Repeat(".0", max(4-n, 0)))
	if err != nil || n > 3 {
		return netip.Prefix{}, errNames(begin + ".")
	}
	return addr.Prefix(8 * n)
}

// errNames is the error of what is no address.
func errNames(word string) error {
	return fmt.Errorf("%q: the names of clients are not looked up; want ALL, an address, the beginning of one such as 192.168., or a network such as 192.0.2.0/24 or [2001:db8::]/32", word)
}
