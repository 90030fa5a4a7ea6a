package firewall

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/passive"
)

// nameLimit leaves room for what firewalls' names add to Name where they may have 63 characters.
const nameLimit = 30

// Validate reports everything that is wrong with s, as one [FieldError] for each thing, all joined. A Setup that passes
// can bring nothing into what is rendered but numbers, addresses, and names of letters, digits, hyphens, underscores
// and dots.
func (s Setup) Validate() error {
	var errs []error
	check := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	check(validLabel(s.Name))
	if s.PublicName != "" {
		check(validName(s.PublicName))
	}
	for _, a := range s.Server {
		check(validAddr("Server", a))
	}
	for _, a := range s.Public {
		check(validAddr("Public", a))
	}
	errs = append(errs, s.validPublic()...)
	errs = append(errs, validPrefixes("Clients", s.Clients)...)
	errs = append(errs, validPrefixes("Inside", s.Inside)...)
	errs = append(errs, s.validFamilies()...)
	errs = append(errs, s.validPorts()...)
	if s.ActiveSource != 0 && !s.Active {
		check(wrong("ActiveSource", "it means nothing unless active mode is on"))
	}
	return errors.Join(errs...)
}

func validLabel(name string) error {
	if len(name) > nameLimit {
		return wrong("Name", "%d characters; at most %d are allowed", len(name), nameLimit)
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z'
		inner := i > 0 && (r >= '0' && r <= '9' || r == '-' && i < len(name)-1)
		if !letter && !inner {
			return wrong("Name", "%q: want lower-case letters, digits and hyphens, a letter first and no hyphen last", name)
		}
	}
	return nil
}

// validName accepts the DNS names that a server can announce.
func validName(name string) error {
	if err := (&passive.Name{Host: name}).Validate(); err != nil {
		return wrong("PublicName", "%q is no DNS name such as ftp.example.com", name)
	}
	return nil
}

func validAddr(field string, a netip.Addr) error {
	switch {
	case !a.IsValid():
		return wrong(field, "an address is empty")
	case a.Zone() != "":
		return wrong(field, "%v: the zone %q means something on one host only", a.WithZone(""), a.Zone())
	case a.Is4In6():
		return wrong(field, "%v is an IPv4 address in disguise; write %v", a, a.Unmap())
	case a.IsMulticast():
		return wrong(field, "%v belongs to a group of hosts", a)
	}
	return nil
}

func (s Setup) validPublic() []error {
	var errs []error
	for _, v6 := range []bool{false, true} {
		public, server := ofFamily(s.Public, v6), ofFamily(s.Server, v6)
		if len(public) > 1 {
			errs = append(errs, wrong("Public", "the addresses %v are of one family; there may be one of each", public))
		}
		if len(public) == 1 && public[0].IsUnspecified() {
			errs = append(errs, wrong("Public", "clients cannot connect to %v; name the address they reach", public[0]))
		}
		if len(public) == 1 && len(server) > 1 {
			errs = append(errs, wrong("Server", "the addresses %v are behind one public address; name the one it is translated to", server))
		}
	}
	return errs
}

func validPrefixes(field string, prefixes []netip.Prefix) []error {
	var errs []error
	for _, p := range prefixes {
		switch {
		case !p.IsValid():
			errs = append(errs, wrong(field, "a network is empty"))
		case p.Addr().Is4In6():
			errs = append(errs, wrong(field, "%v holds IPv4 addresses in disguise; write them as IPv4", p))
		case p != p.Masked():
			errs = append(errs, wrong(field, "%v is an address within a network; write %v for the network or %v for the address",
				p, p.Masked(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen())))
		}
	}
	return errs
}

// validFamilies reports clients whose family the server has no address of, networks in Inside that have no network in
// Clients to hide behind, and a Setup without any family in use.
func (s Setup) validFamilies() []error {
	var errs []error
	for _, v6 := range []bool{false, true} {
		if s.serves(v6) {
			continue
		}
		for i, p := range slices.Concat(s.Clients, s.Inside) {
			if p.Addr().Is6() == v6 {
				field := "Clients"
				if i >= len(s.Clients) {
					field = "Inside"
				}
				errs = append(errs, wrong(field, "the server has no %s address that clients in %v could reach", familyName(v6), p))
			}
		}
	}
	for _, p := range s.Inside {
		if v6 := p.Addr().Is6(); len(s.Clients) > 0 && len(prefixesOf(s.Clients, v6)) == 0 {
			errs = append(errs, wrong("Inside Clients", "%v has no %s network of the clients to hide behind", p, familyName(v6)))
		}
	}
	if len(errs) == 0 && len(s.families()) == 0 {
		errs = append(errs, wrong("Clients Server", "no client can reach any address of the server: their families differ"))
	}
	return errs
}

func (s Setup) validPorts() []error {
	var errs []error
	if len(s.Explicit)+len(s.Implicit) == 0 {
		errs = append(errs, wrong("Explicit Implicit", "no control port; give one (21 is usual for explicit TLS, 990 for implicit), or both"))
	}
	listened, external := map[uint16]bool{}, map[uint16]bool{}
	for _, port := range slices.Concat(s.Explicit, s.Implicit) {
		outer := s.external(port)
		switch {
		case port == 0 || outer == 0:
			errs = append(errs, wrong("Explicit Implicit External", "a control port is 0; want 1 to 65535"))
		case listened[port]:
			errs = append(errs, wrong("Explicit Implicit", "control port %d occurs twice", port))
		case external[outer]:
			errs = append(errs, wrong("External", "two control ports have the external number %d", outer))
		}
		listened[port], external[outer] = true, true
	}
	for port := range s.External {
		if !listened[port] {
			errs = append(errs, wrong("External", "port %d, which is no control port", port))
		}
	}
	return append(errs, s.validData(listened, external)...)
}

func (s Setup) validData(listened, external map[uint16]bool) []error {
	ports, err := passive.Range(s.Data)
	if err != nil {
		return []error{wrong("Data", "%w", err)}
	}
	if ports.Len() == 0 {
		return []error{wrong("Data", "no rule can name ports that the system chooses; give a range such as 21000-21010")}
	}
	var errs []error
	for n := range ports.Numbers() {
		outer := int(n) + s.DataOffset
		switch {
		case outer < 1 || outer > 65535:
			return append(errs, wrong("DataOffset", "%d moves data port %d out of 1 to 65535", s.DataOffset, n))
		case listened[n]:
			errs = append(errs, wrong("Data Explicit Implicit", "%d is a control port and a data port", n))
		case external[uint16(outer)]:
			errs = append(errs, wrong("DataOffset External", "%d is the external number of a control port and of data port %d", outer, n))
		}
	}
	return errs
}
