package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// changeRequest writes a letter: what a firewall team has to do, and answers to what it will ask.
func changeRequest(p *page) {
	p.linef("Firewall change request: FTPS to %s\n", p.target())
	p.para("Please allow the connections below through %s. They are for FTPS (FTP over TLS, RFC 4217), which clients use to exchange files with %s.",
		p.forTeam(), p.target())
	p.para("%s", p.directions())
	p.table()
	if slices.ContainsFunc(p.rules, func(r rule) bool { return r.NAT != nil }) {
		p.translations()
	}
	p.para("All of this is TCP. %s", ReturnTraffic)
	p.linef("Not needed, so please leave it closed:\n")
	for _, e := range p.NotNeeded() {
		p.item("%s: %s", e.What, lowerFirst(e.Why))
	}
	p.linef("")
	if warnings := p.Warnings(p.side); len(warnings) > 0 {
		p.linef("Please note:\n")
		for _, w := range warnings {
			p.item("%s", w)
		}
		p.linef("")
	}
	p.linef("Please also see to this:\n")
	p.item("Switch off FTP inspection (helper, ALG, fixup) for these connections. It cannot read them, and may cut them.")
	p.item("Let control connections be idle for as long as the longest transfer takes. Nothing is said on them meanwhile, " +
		"except a TCP keepalive from the server every thirty seconds.")
	p.item("Do not intercept TLS on these ports. A data connection proves that it belongs to its control connection by " +
		"resuming its TLS session (RFC 8446, section 2.2), which interception breaks.")
	p.linef("")
	p.linef("How to check, from a client's machine:\n")
	p.checks()
}

func (p *page) forTeam() string {
	switch p.side {
	case Client:
		return "the firewall in front of the clients (outbound)"
	case Border:
		return "the firewall in front of the server (inbound)"
	}
	return "the packet filter of the server's own machine (inbound)"
}

func (p *page) directions() string {
	text := "The clients open these connections, the data connections included: that is the passive mode of FTP."
	if p.Active {
		text = "The clients open these connections, except those of active mode, which the server opens."
	}
	return text + " Direction means which side opens a connection; files may go either way in each of them."
}

// table writes the flows as a table, one row each.
func (p *page) table() {
	rows := [][]string{{"No.", "Direction", "Protocol", "From", "From port", "To", "To port", "Purpose"}}
	for i, r := range p.rules {
		from := "any"
		if len(r.FromPorts) > 0 {
			from = joinRanges(r.FromPorts, "-", ", ")
		}
		opener, other := anyClient, theServer
		if r.Purpose == DataActive {
			opener, other = other, opener
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), string(r.Direction), "TCP", p.end(r, r.From, opener), from,
			p.end(r, r.To, other), joinRanges(r.Ports, "-", ", "), purposeText(r.Purpose)})
	}
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&b, "| %-*s ", width[i], cell)
		}
		p.linef("%s|", b.String())
		if n == 0 {
			b.Reset()
			for _, w := range width {
				b.WriteString("|" + strings.Repeat("-", w+2))
			}
			p.linef("%s|", b.String())
		}
	}
	p.linef("")
}

// What the ends of connections are called if their addresses are unknown.
const (
	anyClient = "any client"
	theServer = "the server"
)

// end returns the text for one end of a connection: the addresses, or none if there are no addresses.
func (p *page) end(r rule, prefixes []netip.Prefix, none string) string {
	if len(prefixes) > 0 {
		return addrText(prefixes, "")
	}
	if none == theServer && p.PublicName != "" {
		none = p.PublicName
	}
	if !r.both {
		none += " (" + familyName(r.IPv6) + ")"
	}
	return none
}

func purposeText(p Purpose) string {
	return map[Purpose]string{
		ControlExplicit: "control, explicit TLS",
		ControlImplicit: "control, implicit TLS",
		Data:            "data, passive mode",
		DataActive:      "data, active mode",
	}[p]
}

// translations writes in sentences what the firewall has to translate.
func (p *page) translations() {
	p.linef("Address translation:\n")
	for i, r := range p.rules {
		switch n := r.NAT; {
		case n == nil:
		case n.To.IsValid():
			p.item("No. %d: translate the destination %s %s to %v %s%s.", i+1, addrText(r.To, "(the firewall's outer address)"),
				portText(r.Ports), n.To, portText(r.innerPorts()), oneToOne(r))
		case n.From.IsValid():
			p.item("No. %d: translate the source to %v, which is where clients expect the server.", i+1, n.From)
		case r.Direction == Outbound && p.side == Border:
			p.item("No. %d: translate the source to the firewall's outer address, which is where clients expect the server.", i+1)
		}
	}
	for _, f := range p.families() {
		if p.side == Client && len(f.inside) > 0 {
			p.item("Translate the source %s to %s, the same address for all connections of a client: the server compares.",
				addrText(f.inside, ""), addrText(f.clients, "your public address"))
		}
	}
	p.linef("")
}

func oneToOne(r rule) string {
	if r.NAT.Ports == nil || len(r.Ports) == 1 && r.Ports[0].size() == 1 {
		return ""
	}
	return ", in order, one to one"
}

// checks writes how to see whether the request was carried out.
func (p *page) checks() {
	host := "SERVER"
	if p.PublicName != "" {
		host = p.PublicName
	} else if known := p.dialled(); len(known) > 0 {
		host = known[0].String()
		if known[0].Is6() {
			host = "[" + host + "]"
		}
	}
	for _, service := range p.services() {
		first := service.outer[0].First
		switch service.purpose {
		case ControlExplicit:
			p.item("openssl s_client -starttls ftp -connect %s:%d shows the server's certificate.", host, first)
		case ControlImplicit:
			p.item("openssl s_client -connect %s:%d shows the server's certificate.", host, first)
		case Data:
			p.item("A connection to %s:%d is refused at once while nobody transfers, since data ports are open only when they are "+
				"needed. That is a success: it means that the packets arrive. A timeout means that a firewall drops them.", host, first)
		}
	}
}

func (p *page) para(format string, args ...any) {
	p.linef("%s\n", strings.Join(wrap(fmt.Sprintf(format, args...), 100), "\n"))
}

func (p *page) item(format string, args ...any) {
	lines := wrap(fmt.Sprintf(format, args...), 98)
	p.linef("- %s", strings.Join(lines, "\n  "))
}
