package firewall

import "strings"

// terraform writes a security group of its own, which has only the egress rules written here. What else the
// machine needs belongs into another group.
func terraform(p *page) {
	id := p.name() + "_" + string(p.side)
	p.note("Attach it to the machine's network interface beside the groups it has. Security groups are stateful.")
	p.linef("variable \"%s_vpc_id\" {\n  description = \"VPC of the %s\"\n  type        = string\n}\n", id, p.side)
	p.linef("resource \"aws_security_group\" \"%s\" {", id)
	p.linef("  name        = \"%s-%s\"", p.name(), p.side)
	p.linef("  description = \"FTPS %s\"", p.side)
	p.linef("  vpc_id      = var.%s_vpc_id", id)
	for _, folded := range p.rules {
		for _, r := range p.unfold(folded) {
			for _, ports := range r.Ports {
				p.terraformBlock(r, ports)
			}
		}
	}
	p.linef("}")
}

func (p *page) terraformBlock(r rule, ports Range) {
	block, list := "ingress", "cidr_blocks"
	if r.Direction == Outbound {
		block = "egress"
	}
	if r.IPv6 {
		list = "ipv6_cidr_blocks"
	}
	var networks []string
	for _, n := range r.network(r.peers()) {
		networks = append(networks, "\""+n.String()+"\"")
	}
	values := [][2]string{
		{"description", "\"" + p.label(r) + "\""},
		{"protocol", "\"tcp\""},
		{"from_port", Range{ports.First, ports.First}.String()},
		{"to_port", Range{ports.Last, ports.Last}.String()},
		{list, "[" + strings.Join(networks, ", ") + "]"},
	}
	width := 0
	for _, v := range values {
		width = max(width, len(v[0]))
	}
	p.linef("\n  %s {", block)
	for _, v := range values {
		p.linef("    %-*s = %s", width, v[0], v[1])
	}
	p.linef("  }")
}
