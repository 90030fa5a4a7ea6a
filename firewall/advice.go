package firewall

import (
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/passive"
)

// Exclusion is something that firewalls are often opened for although FTPS doesn't need
// it.
type Exclusion struct {
	What string // such as "UDP"
	Why  string // one sentence
}

// NotNeeded returns what people often open for FTPS without need.
func (s Setup) NotNeeded() []Exclusion {
	var all []Exclusion
	add := func(what, why string) { all = append(all, Exclusion{what, why}) }
	add("UDP", "FTP and all its data connections are TCP (RFC 959, section 3).")
	services := s.services()
	for _, port := range []struct {
		number uint16
		when   string
	}{{20, " come from (RFC 959, section 3.2)"}, {989, " with implicit TLS come from (ftps-data in IANA's registry)"}} {
		if !s.usesPort(services, port.number) {
			add(fmt.Sprintf("Port %d", port.number), "It is where data connections of active mode"+port.when+
				"; nothing uses it here.")
		}
	}
	if s.Active {
		add("Further ports at the server", "The server takes connections on the ports named and on no others.")
	} else {
		add("The other ports above 1023", "The server takes data connections on the ports named and on no others.")
		add("Connections from the server to the client", "In passive mode the client opens every connection.")
	}
	add("An FTP helper (ALG, inspection, fixup)", "It works by reading the control connection, which TLS hides from it, "+
		"and some block what they cannot read; switch it off for this server.")
	return all
}

// usesPort reports whether a rule has to name port n, which people often name without
// need.
func (s Setup) usesPort(services []service, n uint16) bool {
	if s.Active && s.ActiveSource == n {
		return true
	}
	for _, service := range services {
		for _, r := range slices.Concat(service.outer, service.inner) {
			if r.First <= n && n <= r.Last {
				return true
			}
		}
	}
	return false
}

// Warnings returns a sentence for each thing in s that is allowed but seldom meant. It
// leaves out what doesn't concern the firewall of side.
func (s Setup) Warnings(side Side) []string {
	var all []string
	for _, f := range s.families() {
		switch outside := f.outside(); {
		case len(outside) == 0 && s.PublicName != "" && side != Server:
			instead := "any address"
			if side == Border {
				instead = "any address of the firewall's own"
			}
			all = append(all, fmt.Sprintf("The %s address of %s is not known here, so rules match %s instead.", familyName(f.v6), s.PublicName, instead))
		case len(outside) > 0 && passive.Private(outside[0].Addr()) && !allPrivate(f.clients):
			all = append(all, fmt.Sprintf("Clients elsewhere cannot reach %s, which is a private address; name the public one.", short(outside[0])))
		}
		if s.Active && len(f.inside) > 0 {
			all = append(all, fmt.Sprintf("Active mode cannot reach %s clients behind a NAT, whose firewall does not know which of them a "+
				"connection is for; they have to use passive mode.", familyName(f.v6)))
		}
	}
	if s.Active {
		all = append(all, "Active mode needs the clients to accept connections from the server on every port from 1024 up. Switch it off if you can.")
	}
	return all
}
