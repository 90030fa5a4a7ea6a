package firewall

import (
	"net/netip"
	"strings"
)

// azure writes one rule for each flow and family. A network security group is stateful, and sees addresses behind
// the translation of a public IP.
func azure(p *page) {
	p.note("Set RG to the resource group and NSG to the security group; change the priorities if others have them.")
	if p.side == Client {
		p.note("Azure lets everything out to the Internet unless a rule denies it; only then are the outbound rules needed.")
	}
	priority := 1000
	for _, folded := range p.hostRules() {
		for _, r := range p.unfold(folded) {
			p.linef("az network nsg rule create --resource-group \"${RG:?}\" --nsg-name \"${NSG:?}\" --name %s --priority %d "+
				"--direction %s --access Allow --protocol Tcp --source-address-prefixes %s --source-port-ranges %s "+
				"--destination-address-prefixes %s --destination-port-ranges %s",
				p.id(r), priority, title(string(r.Direction)), networks(r, r.From, " "), azurePorts(r.FromPorts),
				networks(r, r.To, " "), azurePorts(r.Ports))
			priority += 10
		}
	}
}

func azurePorts(ranges []Range) string {
	if len(ranges) == 0 {
		return "'*'"
	}
	return joinRanges(ranges, "-", " ")
}

// gcloud writes one rule for each flow and family, bound to machines by a network tag. Rules see addresses behind
// the translation of an external IP.
func gcloud(p *page) {
	p.note("Set NETWORK to the VPC network, and give the machine the network tag %s. Rules are stateful.", p.name())
	if p.side == Client {
		p.note("Google Cloud lets everything out unless a rule denies it; only then are the egress rules needed.")
	}
	for _, folded := range p.hostRules() {
		for _, r := range p.unfold(folded) {
			way, list := "INGRESS", "source"
			if r.Direction == Outbound {
				way, list = "EGRESS", "destination"
			}
			var rules []string
			for _, ports := range r.Ports {
				rules = append(rules, "tcp:"+ports.String())
			}
			p.linef("gcloud compute firewall-rules create %s --network=\"${NETWORK:?}\" --direction=%s --action=ALLOW --rules=%s "+
				"--%s-ranges=%s --target-tags=%s", p.id(r), way, strings.Join(rules, ","), list, networks(r, r.peers(), ","), p.name())
		}
	}
}

// networks lists networks of one family; an empty list stands for the whole family.
func networks(r rule, prefixes []netip.Prefix, sep string) string {
	var all []string
	for _, n := range r.network(prefixes) {
		all = append(all, n.String())
	}
	return strings.Join(all, sep)
}

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
