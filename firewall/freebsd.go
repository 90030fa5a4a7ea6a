package firewall

// pfFreeBSD writes pf.conf rules for FreeBSD, whose pf differs from OpenBSD's: translations come before the filter
// rules, which see translated packets, and there is no interface group "egress".
func pfFreeBSD(p *page) {
	load := "pfctl -f"
	if p.masquerades() {
		load = "pfctl -D ext_if=em0 -f, where em0 is the outer interface"
	}
	p.note("Load with %s. Everything else coming in is dropped%s: add what else the machine needs.", load, p.except())
	p.noteUpkeep()
	rules := p.pfRules()
	p.linef("set skip on lo0")
	for _, r := range rules {
		p.pfTranslation(r)
	}
	p.pfPolicy()
	for _, r := range rules {
		p.linef("pass in %s label %q", pfMatch(r, r.innerTo(), "any", r.innerPorts()), p.label(r))
	}
}

// pfTranslation writes the translation of r, if it has one.
func (p *page) pfTranslation(r rule) {
	switch n := r.NAT; {
	case n == nil:
	case n.To.IsValid():
		for _, t := range pfTargets(r) {
			// Matches any address of the firewall itself if the public address is unknown.
			p.linef("rdr %s -> %s", pfMatch(r, r.To, "(self)", t.ports), t.to)
		}
	case n.From.IsValid():
		p.linef("nat %s -> %v", pfMatch(r, r.To, "any", r.Ports), n.From)
	default:
		p.linef("nat on $ext_if %s -> ($ext_if)", pfMatch(r, r.To, "any", r.Ports))
	}
}

// masquerades reports whether a source is translated to an address that is unknown here.
func (p *page) masquerades() bool {
	for _, r := range p.rules {
		if n := r.NAT; n != nil && !n.To.IsValid() && !n.From.IsValid() {
			return true
		}
	}
	return false
}
