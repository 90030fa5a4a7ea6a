package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Request is what to ask of the firewalls between client and server, as far as the probe has seen it.
type Request struct {
	// Addresses are the addresses that clients connect to.
	Addresses []netip.Addr `json:"addresses"`
	// Announced is another address to which the server, by PASV, has clients open data connections. It is not valid if
	// there is none, or if clients can't be meant to use the address.
	Announced netip.Addr `json:"announced,omitzero"`
	// Control are the control ports that work or, if none does, the ports that should work.
	Control []uint16 `json:"control"`
	// DataLow and DataHigh are the lowest and highest data port seen, 0 if none was.
	DataLow  uint16 `json:"dataLow,omitempty"`
	DataHigh uint16 `json:"dataHigh,omitempty"`
	// Observed is how many data ports the server has named. Its range may be wider than the ports that were named.
	Observed int `json:"observed"`
}

// request fills in the Request from the rest of the report.
func (r *run) request() {
	q := &r.report.Request
	q.Addresses = r.report.Addresses
	for _, f := range r.report.Findings {
		if (f.ID == ExplicitWorks || f.ID == ImplicitWorks) && !slices.Contains(q.Control, f.Port) {
			q.Control = append(q.Control, f.Port)
		}
	}
	if _, elsewhere := r.report.Find(PasvOther); elsewhere && judgeAnnounced(r.modes.announced, r.addr) == PasvOther {
		q.Announced = r.modes.announced
	}
	if len(q.Control) == 0 {
		q.Control = slices.Clone(r.Ports)
	}
	if len(q.Control) == 0 {
		q.Control = []uint16{explicitPort}
	}
	slices.Sort(q.Control)
	if ports := r.modes.ports; len(ports) > 0 {
		q.DataLow, q.DataHigh, q.Observed = slices.Min(ports), slices.Max(ports), len(ports)
	}
}

// Data returns the range of data ports as people write it, empty if none was seen.
func (q Request) Data() string {
	switch q.DataLow {
	case 0:
		return ""
	case q.DataHigh:
		return fmt.Sprint(q.DataLow)
	}
	return fmt.Sprintf("%d-%d", q.DataLow, q.DataHigh)
}

// String returns the text of a change request for both firewall teams.
func (q Request) String() string {
	var to, control []string
	for _, addr := range q.Addresses {
		to = append(to, addr.String())
	}
	for _, port := range q.Control {
		control = append(control, fmt.Sprint(port))
	}
	ports := strings.Join(control, ", ") + " (control), "
	note := "ask the server's operator for the range of data ports; the server named none."
	if data := q.Data(); data != "" {
		ports += data + " (data)"
		note = fmt.Sprintf("the data ports are the lowest and highest of %d that the server named; ask its operator for "+
			"the range it is set to.", q.Observed)
	} else {
		ports += "and those for data"
	}
	destination := strings.Join(to, ", ")
	if q.Announced.IsValid() && !slices.Contains(q.Addresses, q.Announced) {
		destination += fmt.Sprintf("; for data also %v, which the server announces (PASV)", q.Announced)
	}
	rows := [][2]string{
		{"Purpose", "FTPS (FTP over TLS, RFC 4217), passive mode"},
		{"Direction", "client to server: outbound at the client's firewall, inbound at the server's"},
		{"Destination", destination},
		{"Ports", "TCP " + ports},
		{"Address", "NAT in front of the server has to keep these port numbers"},
		{"Inspection", "FTP inspection (ALG, helper) off for these ports: it cannot read TLS"},
		{"Not needed", "ports 20 and 989, UDP, any connection from the server to the client"},
		{"Note", note},
	}
	var b strings.Builder
	for _, row := range rows {
		fmt.Fprintf(&b, "%-12s %s\n", row[0], row[1])
	}
	return b.String()
}
