package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/firewall"
	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/internal/networks"
	"github.com/sallyport/sallyport/passive"
)

const firewallUsage = `sallyport firewall [--option value ...]

Prints what a firewall must let through for "sallyport serve" with the same options. It
opens nothing and asks nobody. The status is 0, or 2 when it was asked in the wrong way.

    client -- [client] ---------- [border] -- [server]
              outbound            inbound     inbound, the machine's own addresses,
                                  and NAT     or the cloud's security group

Without --server and --announce the rules are for every address. When the server is behind
NAT, --announce is the public address and --server the private one:

    sallyport firewall --listen :21 --listen-implicit :990 --announce 203.0.113.7 \
        --server 10.0.0.5 --side border --clients 198.51.100.0/24 --kind nftables

The letter for the other company's firewall team:

    sallyport firewall --listen :21 --listen-implicit :990 --announce 203.0.113.7 --side client

Defaults are in parentheses.

`

// rulesSettings holds the options of the command firewall as they were given.
type rulesSettings struct {
	listen, implicit  string
	passive, announce string
	active            bool
	server            []netip.Addr
	clients, inside   []netip.Prefix
	side, kind, name  string
	json              bool
}

const kindHelp = "help"

func (s *rulesSettings) options() []option {
	var sides []string
	for _, side := range firewall.Sides() {
		sides = append(sides, string(side))
	}
	return []option{
		{"listen", "ADDR", "as given to serve: explicit FTPS; \"\" for none (:2121)", text(&s.listen)},
		{"listen-implicit", "ADDR", "as given to serve: implicit FTPS; \"\" for none (:2990)", text(&s.implicit)},
		{"passive", "SET", "as given to serve: the data ports (21000-21010)", text(&s.passive)},
		{"announce", "ADDR", "as given to serve: the public address or DNS name; of rules, the one for everybody", text(&s.announce)},
		{"active", "", "as given to serve: active mode, where the server connects to its clients", toggle(&s.active)},
		{"server", "ADDR", "the server's own address; may be repeated (that of --listen, else every address of the\nfamily that is announced)", addAddr(&s.server)},
		{"clients", "CIDR", "a network that clients come from, as the server sees it; may be repeated (everybody)", addPrefix(&s.clients)},
		{"inside", "CIDR", "a network of clients behind NAT, as their own firewall sees it; may be repeated (no NAT)", addPrefix(&s.inside)},
		{"side", "SIDE", "which firewall: server, border or client (the first that the kind knows)", choice(&s.side, sides...)},
		{"kind", "KIND", "what to write; \"--kind help\" lists the kinds (change-request)", s.setKind},
		{"name", "NAME", "what the rules are named after (sallyport)", text(&s.name)},
		{"json", "", "print the connections as JSON; --kind does not matter then", toggle(&s.json)},
	}
}

func addAddr(to *[]netip.Addr) func(string) error {
	return func(s string) error {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("%q is no IP address; want one such as 10.0.0.5 or 2001:db8::5", s)
		}
		*to = append(*to, a.Unmap())
		return nil
	}
}

// addPrefix returns a function that adds a network. A single address stands for
// the network of that address alone.
func addPrefix(to *[]netip.Prefix) func(string) error {
	return func(s string) error {
		p, err := networks.Parse(s)
		if err == nil {
			*to = append(*to, p)
		}
		return err
	}
}

func (s *rulesSettings) setKind(text string) error {
	if _, ok := kindOf(text); !ok && text != kindHelp {
		var names []string
		for _, in := range firewall.Kinds() {
			names = append(names, string(in.Kind))
		}
		return fmt.Errorf("%q is not known; want %s", text, strings.Join(names, ", "))
	}
	s.kind = text
	return nil
}

func kindOf(name string) (firewall.Info, bool) {
	all := firewall.Kinds()
	i := slices.IndexFunc(all, func(in firewall.Info) bool { return string(in.Kind) == name })
	if i < 0 {
		return firewall.Info{}, false
	}
	return all[i], true
}

func runFirewall(args []string, stdout io.Writer) error {
	s := &rulesSettings{listen: ":2121", implicit: ":2990", passive: "21000-21010", kind: "change-request"}
	rest, errs := parse(s.options(), args)
	if len(errs) == 1 && errs[0] == errHelp {
		return printHelp([]string{"firewall"}, stdout)
	}
	if len(rest) > 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("what is %q? Everything is given as --option value", strings.Join(rest, " ")))
	}
	if len(errs) > 0 {
		return &usageError{"firewall", errs}
	}
	if s.kind == kindHelp {
		return printKinds(stdout)
	}
	text, err := s.render()
	if err != nil {
		return &usageError{"firewall", explain(err)}
	}
	if !s.json {
		text = colours(stdout, os.Getenv).comments(text)
	}
	_, err = io.WriteString(stdout, text)
	return err
}

func printKinds(stdout io.Writer) error {
	var b strings.Builder
	for _, in := range firewall.Kinds() {
		var sides []string
		for _, side := range in.Sides {
			sides = append(sides, string(side))
		}
		fmt.Fprintf(&b, "%-15s %s\n%-15s --side %s\n", in.Kind, in.Text, "", strings.Join(sides, ", "))
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

func (s *rulesSettings) render() (string, error) {
	setup, err := s.setup()
	if err != nil {
		return "", err
	}
	info, _ := kindOf(s.kind)
	side := firewall.Side(s.side)
	if side == "" {
		side = info.Sides[0]
	}
	if s.json {
		return asJSON(setup, side)
	}
	return firewall.Render(info.Kind, side, setup)
}

// optionOf maps the fields of errors of package firewall to the options that set
// them.
var optionOf = map[string]string{
	"Name": "name", "Explicit": "listen", "Implicit": "listen-implicit", "Data": "passive", "DataOffset": "announce",
	"Server": "server", "Public": "announce", "PublicName": "announce", "Clients": "clients", "Inside": "inside",
	"Active": "active", "Side": "side", "Kind": "kind",
}

// explain replaces the names of fields in errors by those of options.
func explain(err error) []error {
	var errs []error
	for _, err := range joined.Errors(err) {
		if field, ok := errors.AsType[*firewall.FieldError](err); ok {
			var options []string
			for _, name := range field.Fields {
				if option, ok := optionOf[name]; ok && !slices.Contains(options, "--"+option) {
					options = append(options, "--"+option)
				}
			}
			err = fmt.Errorf("%s: %w", strings.Join(options, ", "), field.Err)
		}
		errs = append(errs, err)
	}
	return errs
}

// setup returns the firewall.Setup of a server that serve would start with these
// options.
func (s *rulesSettings) setup() (firewall.Setup, error) {
	var errs mistakes
	ports, err := passive.Range(s.passive)
	errs.add("--passive", err)
	var rules passive.Rules
	if s.announce != "" {
		rules, err = passive.ParseRules(s.announce)
		errs.add("--announce", err)
	}
	if len(errs) > 0 {
		return firewall.Setup{}, errors.Join(errs...)
	}
	if rules != nil {
		ports.Announce = rules
	}
	list := func(addr string) []string {
		if addr == "" {
			return nil
		}
		return []string{addr}
	}
	setup, err := firewall.From(ports, list(s.listen), list(s.implicit))
	setup.Name, setup.Clients, setup.Inside, setup.Active = s.name, s.clients, s.inside, s.active
	switch {
	case len(s.server) > 0:
		setup.Server = s.server
	case len(setup.Public) > 0:
		// Drops the family of the wildcard address that is not announced: a
		// listener on it accepts both.
		setup.Server = slices.DeleteFunc(setup.Server, func(a netip.Addr) bool {
			return a.IsUnspecified() && a.Is6() != setup.Public[0].Is6()
		})
	}
	return setup, err
}
