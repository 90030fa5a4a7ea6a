package firewall

import (
	"encoding/json"
	"net/netip"
	"strings"
)

// awsPermission is an IpPermission of the EC2 API.
type awsPermission struct {
	IPProtocol string    `json:"IpProtocol"`
	FromPort   int       `json:"FromPort"`
	ToPort     int       `json:"ToPort"`
	IPRanges   []awsCIDR `json:"IpRanges,omitempty"`
	IPv6Ranges []awsCIDR `json:"Ipv6Ranges,omitempty"`
}

type awsCIDR struct {
	CIDR        string `json:"CidrIp,omitempty"`
	CIDRv6      string `json:"CidrIpv6,omitempty"`
	Description string
}

// aws writes one command for each direction. A security group sees addresses and ports behind the translation
// of an Elastic IP, and its rules name only the other end.
func aws(p *page) {
	p.note("Set GROUP to the group's id, such as sg-0123456789abcdef0. Security groups are stateful.")
	if p.side == Client {
		p.note("A new group lets everything out; the egress rules are needed where that rule was removed.")
	}
	rules := p.hostRules()
	for _, way := range []struct {
		Direction
		command string
	}{{Inbound, "ingress"}, {Outbound, "egress"}} {
		var all []awsPermission
		for _, r := range rules {
			if r.Direction == way.Direction {
				all = append(all, p.awsPermissions(r)...)
			}
		}
		if len(all) > 0 {
			p.linef("aws ec2 authorize-security-group-%s --group-id \"${GROUP:?}\" --ip-permissions '%s'", way.command, p.awsJSON(all))
		}
	}
}

// awsJSON returns the permissions as JSON without an apostrophe, which would end the shell's argument: neither
// names nor labels have any.
func (p *page) awsJSON(all []awsPermission) string {
	var lines []string
	for _, permission := range all {
		text, err := json.Marshal(permission)
		if err != nil {
			p.err = err
		}
		lines = append(lines, "  "+string(text))
	}
	return "[\n" + strings.Join(lines, ",\n") + "\n]"
}

func (p *page) awsPermissions(r rule) []awsPermission {
	var all []awsPermission
	for _, f := range p.unfold(r) {
		for _, ports := range f.Ports {
			permission := awsPermission{IPProtocol: "tcp", FromPort: int(ports.First), ToPort: int(ports.Last)}
			for _, peer := range f.network(f.peers()) {
				if f.IPv6 {
					permission.IPv6Ranges = append(permission.IPv6Ranges, awsCIDR{CIDRv6: peer.String(), Description: p.label(f)})
				} else {
					permission.IPRanges = append(permission.IPRanges, awsCIDR{CIDR: peer.String(), Description: p.label(f)})
				}
			}
			all = append(all, permission)
		}
	}
	return all
}

// peers returns the addresses of the other end, for firewalls that protect a single machine.
func (f Flow) peers() []netip.Prefix {
	if f.Direction == Inbound {
		return f.From
	}
	return f.To
}

// unfold splits a rule for both families, for firewalls whose rules are each for one family.
func (p *page) unfold(r rule) []rule {
	if !r.both {
		return []rule{r}
	}
	v4, v6 := r, r
	v4.both, v6.both, v6.IPv6 = false, false, true
	return []rule{v4, v6}
}
