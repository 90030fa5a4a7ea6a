package firewall

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is a kind of firewall or of document that [Render] can write.
type Kind string

// Info describes a kind.
type Info struct {
	Kind Kind
	// Text says in one line what is rendered.
	Text string
	// Sides are the sides that the kind makes sense for.
	Sides []Side

	// intro goes into the first comment line, and comment begins each comment line.
	intro, comment string
	render         func(*page)
}

// Kinds returns all kinds that [Render] can write, in the order in which to show them.
func Kinds() []Info {
	all, host := Sides(), []Side{Server, Client}
	return []Info{
		{"change-request", "plain English, to send to a firewall team", all, "", "", changeRequest},
		{"nftables", "Linux nftables rules, for nft -f", all, "nftables rules", "# ", nftables},
		{"iptables", "Linux iptables rules of both families, for iptables-restore and ip6tables-restore", all, "iptables rules", "# ", iptables},
		{"ufw", "ufw commands (Ubuntu, Debian)", host, "ufw commands", "# ", ufw},
		{"firewalld", "firewall-cmd commands (Red Hat, Fedora, SUSE)", []Side{Server, Border}, "firewall-cmd commands", "# ", firewalld},
		{"pf", "pf.conf rules of OpenBSD", all, "pf.conf rules of OpenBSD", "# ", pf},
		{"pf-freebsd", "pf.conf rules of FreeBSD", all, "pf.conf rules of FreeBSD", "# ", pfFreeBSD},
		{"windows", "PowerShell commands for the Windows firewall", host, "PowerShell commands", "# ", powershell},
		{"netsh", "netsh commands for the Windows firewall", host, "netsh commands", "rem ", netsh},
		{"aws-sg", "AWS CLI commands for a security group", host, "AWS CLI commands for the security group of", "# ", aws},
		{"terraform", "a Terraform aws_security_group", host, "a Terraform security group for", "# ", terraform},
		{"azure-nsg", "Azure CLI commands for a network security group", host, "Azure CLI commands for the network security group of", "# ", azure},
		{"gcloud", "Google Cloud CLI commands for VPC firewall rules", host, "Google Cloud firewall rules for", "# ", gcloud},
		{"docker", "a docker run command that publishes the ports", []Side{Server}, "a docker run command", "# ", docker},
		{"compose", "the published ports of a Compose service", []Side{Server}, "a Compose service", "# ", compose},
		{"kubernetes", "a Kubernetes Service", []Side{Server}, "a Kubernetes Service", "# ", kubernetes},
		{"cisco", "Cisco IOS extended access lists and static NAT", []Side{Border, Client}, "Cisco IOS access lists", "! ", cisco},
	}
}

// Render writes what one firewall must allow, in the language of a kind. It begins with comment lines that say what the
// rules are for; the change request is prose and needs none. It has no placeholder that does harm when forgotten: what
// only the reader can know is a shell variable that has to be set, or a comment.
//
// The error is that of [Setup.Flows], or a [FieldError] which says that the kind is unknown, or can't describe that
// side or that setup.
func Render(kind Kind, side Side, s Setup) (string, error) {
	infos := Kinds()
	i := slices.IndexFunc(infos, func(in Info) bool { return in.Kind == kind })
	if i < 0 {
		return "", wrong("Kind", "%q: want one of %s", string(kind), kindNames(infos))
	}
	if !slices.Contains(infos[i].Sides, side) {
		return "", wrong("Side", "%s has none called %q; want one of %v", kind, string(side), infos[i].Sides)
	}
	flows, err := s.Flows(side)
	if err != nil {
		return "", err
	}
	p := &page{Setup: s, info: infos[i], side: side, flows: flows, rules: fold(flows)}
	if p.info.comment != "" {
		p.header()
	}
	p.info.render(p)
	if p.err != nil {
		return "", p.err
	}
	return p.out.String(), nil
}

func kindNames(infos []Info) string {
	var names []string
	for _, in := range infos {
		names = append(names, string(in.Kind))
	}
	return strings.Join(names, ", ")
}

// page is a rendering that is being written.
type page struct {
	Setup
	info  Info
	side  Side
	flows []Flow
	rules []rule
	out   strings.Builder
	err   error
}

// linef writes one line.
func (p *page) linef(format string, args ...any) {
	fmt.Fprintf(&p.out, format, args...)
	p.out.WriteByte('\n')
}

// note writes a comment in lines of at most 110 characters.
func (p *page) note(format string, args ...any) {
	for _, line := range wrap(fmt.Sprintf(format, args...), 110) {
		p.linef("%s", strings.TrimRight(p.info.comment+line, " "))
	}
}

func (p *page) header() {
	p.note("FTPS to %s: %s %s (side: %s).", p.target(), p.info.intro, p.forWhom(), p.side)
	p.note("What it lets through:")
	for _, r := range p.rules {
		p.note("  %s", r)
	}
	p.note("%s", ReturnTraffic)
	var not []string
	for _, e := range p.NotNeeded() {
		not = append(not, lowerFirst(e.What))
	}
	p.note("Not needed: %s.", strings.Join(not, "; "))
	for _, w := range p.Warnings(p.side) {
		p.note("Warning: %s", w)
	}
}

func (p *page) forWhom() string {
	if strings.HasSuffix(p.info.intro, "for") || strings.HasSuffix(p.info.intro, "of") {
		return p.side.host()
	}
	if p.info.single() {
		return "for " + p.side.host()
	}
	return "for " + p.side.what()
}

// single reports whether the kind protects a single machine, so that the client's side is the client itself.
func (in Info) single() bool {
	return !slices.Contains(in.Sides, Border)
}

func (s Side) host() string {
	return map[Side]string{Server: "the server", Client: "the client"}[s]
}

// rule is a flow to write. Two flows that differ only in the family, and have no address, become one rule.
type rule struct {
	Flow
	both bool
}

func (r rule) String() string {
	if r.both {
		return strings.TrimSuffix(r.Flow.String(), ", IPv4)") + ")"
	}
	return r.Flow.String()
}

func fold(flows []Flow) []rule {
	free := func(f Flow) bool { return len(f.From)+len(f.To) == 0 && f.NAT == nil }
	twin := func(f Flow) bool {
		return slices.ContainsFunc(flows, func(g Flow) bool { return g.IPv6 != f.IPv6 && g.Purpose == f.Purpose && free(g) })
	}
	var rules []rule
	for _, f := range flows {
		both := free(f) && twin(f)
		if !both || !f.IPv6 {
			rules = append(rules, rule{f, both})
		}
	}
	return rules
}

// label returns the comment for the rules of a flow. None of its characters is special in a string of any kind of
// firewall.
func (p *page) label(r rule) string {
	text := p.name() + ": " + string(r.Purpose)
	if r.IPv6 {
		text += " IPv6"
	}
	return text
}

// id returns the label in the form of a name.
func (p *page) id(r rule) string {
	return p.name() + "-" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(p.label(r), p.name()+": ")), " ", "-")
}

// hostRules returns the rules for a machine that lets its own connections out: on the server's side the outbound ones
// are left out.
func (p *page) hostRules() []rule {
	rules := slices.Clone(p.rules)
	if p.side != Server {
		return rules
	}
	rules = slices.DeleteFunc(rules, func(r rule) bool { return r.Direction == Outbound })
	if len(rules) < len(p.rules) {
		p.note("The connections of active mode leave this machine, which is allowed unless you have forbidden it.")
	}
	return rules
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// wrap folds text between words. Lines after the first keep the indent of the first.
func wrap(text string, width int) []string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	var lines []string
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
