package firewall

import (
	"net/netip"
	"strings"
)

// powershell writes commands that can be run repeatedly: they first remove the rules of the last
// run.
func powershell(p *page) {
	rules := p.windowsRules()
	p.linef("Remove-NetFirewallRule -Group '%s' -ErrorAction SilentlyContinue", p.name())
	for _, r := range rules {
		local, remote, localPorts, remotePorts := windowsEnds(r)
		p.linef("New-NetFirewallRule -Name '%s' -DisplayName '%s' -Group '%s' -Direction %s -Action Allow -Protocol TCP%s%s%s%s",
			p.id(r), p.label(r), p.name(), title(string(r.Direction)),
			powershellList("LocalPort", ports(localPorts)), powershellList("LocalAddress", shorts(local)),
			powershellList("RemotePort", ports(remotePorts)), powershellList("RemoteAddress", shorts(remote)))
	}
}

// netsh writes the same rules for cmd.exe, batch files and systems without the PowerShell
// module.
func netsh(p *page) {
	for _, r := range p.windowsRules() {
		local, remote, localPorts, remotePorts := windowsEnds(r)
		way := "in"
		if r.Direction == Outbound {
			way = "out"
		}
		p.linef("netsh advfirewall firewall add rule name=\"%s\" dir=%s action=allow protocol=TCP%s%s%s%s", p.label(r), way,
			netshList("localport", ports(localPorts)), netshList("localip", shorts(local)),
			netshList("remoteport", ports(remotePorts)), netshList("remoteip", shorts(remote)))
	}
}

func (p *page) windowsRules() []rule {
	if p.side == Client {
		p.note("Windows lets everything out unless outbound connections are blocked by default; only then are these needed.")
	} else {
		p.note("Windows drops what comes in without a rule, and takes care of replies and ICMP itself.")
	}
	return p.hostRules()
}

// windowsEnds returns the ends of a rule as seen from the machine: local and remote.
func windowsEnds(r rule) (local, remote []netip.Prefix, localPorts, remotePorts []Range) {
	if r.Direction == Inbound {
		return r.To, r.From, r.Ports, r.FromPorts
	}
	return r.From, r.To, r.FromPorts, r.Ports
}

func ports(ranges []Range) []string {
	var all []string
	for _, r := range ranges {
		all = append(all, r.String())
	}
	return all
}

func powershellList(name string, values []string) string {
	if len(values) == 0 {
		return ""
	}
	return " -" + name + " '" + strings.Join(values, "','") + "'"
}

func netshList(name string, values []string) string {
	if len(values) == 0 {
		return ""
	}
	return " " + name + "=" + strings.Join(values, ",")
}
