package passive

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/networks"
)

// dialledText stands for the address dialled in the text form of rules.
const dialledText = "dialled"

// Rule decides what some of the clients are told.
type Rule struct {
	// Clients is the network of the clients that the rule is for. The zero Prefix is everybody.
	Clients netip.Prefix
	// Announce decides which address they are told. Nil is the address the client dialled.
	Announce Announcer
	// Offset is added to the port that they are told, besides [Ports.Offset] and what Announce adds if it is a
	// [PortMapper]: for a port forwarder between the clients and the server. The sum must stay within 1 to 65535.
	Offset int
}

// Rules is an [Announcer] that asks the first rule matching the client: clients of the local network can be told the
// local address, say, and everybody else the public one. Where no rule matches, the address dialled is announced.
type Rules []Rule

// ParseRules reads rules written as clients=address and separated by commas, such as
// "10.0.0.0/8=192.168.1.10, *=203.0.113.7". The clients are a network, an address, or * for everybody; what is
// announced is anything [Address] takes, or the word "dialled"; a word such as port+10000 or port-1000 behind it is the
// rule's Offset. An address alone is for everybody. The error names every piece that is wrong and what would be right.
func ParseRules(text string) (Rules, error) {
	var rules Rules
	var errs []error
	for piece := range strings.SplitSeq(text, ",") {
		rule, err := parseRule(strings.TrimSpace(piece))
		if err != nil {
			errs = append(errs, fmt.Errorf("passive: rule %q: %w", strings.TrimSpace(piece), err))
			continue
		}
		rules = append(rules, rule)
	}
	if len(errs) == 0 {
		errs = append(errs, rules.Validate())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return rules, nil
}

// Announce asks the first rule that matches client.
func (r Rules) Announce(ctx context.Context, client, local netip.Addr) (netip.Addr, error) {
	for _, rule := range r {
		if rule.matches(client) {
			return announce(ctx, rule.Announce, client, local)
		}
	}
	return announce(ctx, nil, client, local)
}

// Validate reports prefixes that are none, rules that can never apply, and what is wrong with the rules' announcers.
func (r Rules) Validate() error {
	var errs []error
	everybody := false
	for _, rule := range r {
		switch {
		case everybody:
			errs = append(errs, fmt.Errorf("passive: rule %q never applies: the one for everybody comes first; put that last", rule))
		case rule.Clients == netip.Prefix{}:
			everybody = true
		case !rule.Clients.IsValid():
			errs = append(errs, fmt.Errorf("passive: rule %q: Clients is not a network", rule))
		}
		errs = append(errs, validate(rule.Announce))
	}
	return errors.Join(errs...)
}

// Check calls the Check of the rules' announcers that have one, as [Ports.Check] does.
func (r Rules) Check(ctx context.Context) error {
	var errs []error
	for _, rule := range r {
		if c, ok := rule.Announce.(checker); ok {
			errs = append(errs, c.Check(ctx))
		}
	}
	return errors.Join(errs...)
}

// String returns the rules in the form [ParseRules] reads, as far as their announcers have one.
func (r Rules) String() string {
	parts := make([]string, len(r))
	for i, rule := range r {
		parts[i] = rule.String()
	}
	return strings.Join(parts, ",")
}

// String returns the rule as clients=address, followed by the offset if there is one.
func (r Rule) String() string {
	clients, told := "*", dialledText
	if r.Clients != (netip.Prefix{}) {
		clients = r.Clients.String()
	}
	if s, ok := r.Announce.(fmt.Stringer); ok {
		told = s.String()
	} else if r.Announce != nil {
		told = "(function)"
	}
	if r.Offset != 0 {
		told += fmt.Sprintf(" port%+d", r.Offset)
	}
	return clients + "=" + told
}

// matches reports whether the rule is for a client. It ignores the zone of an address, with which netip.Prefix.Contains
// is always false.
func (r Rule) matches(client netip.Addr) bool {
	return r.Clients == netip.Prefix{} || networks.Contains(r.Clients, client)
}

func parseRule(piece string) (Rule, error) {
	if piece == "" {
		return Rule{}, errors.New("empty; want clients=address such as 10.0.0.0/8=192.168.1.10")
	}
	clients, told, ok := strings.Cut(piece, "=")
	if !ok {
		clients, told = "*", piece
	}
	prefix, err := parseClients(strings.TrimSpace(clients))
	if err != nil {
		return Rule{}, err
	}
	rule := Rule{Clients: prefix}
	told, shift, shifts := strings.Cut(strings.TrimSpace(told), " ")
	if shifts {
		if rule.Offset, err = parseShift(strings.TrimSpace(shift)); err != nil {
			return Rule{}, err
		}
	}
	switch told {
	case dialledText:
	case "":
		return Rule{}, fmt.Errorf("no address after the equals sign; write one, or %q", dialledText)
	default:
		rule.Announce = Address(told)
		err = validate(rule.Announce)
	}
	return rule, err
}

// parseShift reads the offset that follows an address, such as port+10000.
func parseShift(s string) (int, error) {
	n, ok := strings.CutPrefix(s, "port")
	if ok && (strings.HasPrefix(n, "+") || strings.HasPrefix(n, "-")) {
		if shift, err := strconv.Atoi(n); err == nil && shift != 0 && max(shift, -shift) < 65535 {
			return shift, nil
		}
	}
	return 0, fmt.Errorf("%q behind the address is no offset of ports; want one such as port+10000 or port-1000", s)
}

func parseClients(s string) (netip.Prefix, error) {
	if s == "*" {
		return netip.Prefix{}, nil
	}
	prefix, err := networks.Parse(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%w, or * for everybody", err)
	}
	return prefix, nil
}
