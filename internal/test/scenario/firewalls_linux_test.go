package scenario

import "strings"

// The two firewalls as their administrators would write them: everything is
// dropped but the ports named.

// office hides its clients behind its own address, and lets them connect to
// some ports of anybody.
func office(ports string) string {
	return strings.ReplaceAll(`
table inet office
delete table inet office
table inet office {
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "lan" tcp dport { PORTS } ct state new accept
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan" meta nfproto ipv4 masquerade
	}
}
`, "PORTS", ports)
}

// vendor translates the public address to the server's one to one, every port
// of it, and lets some ports in.
func vendor(ports string) string {
	return strings.NewReplacer("PORTS", ports, "PUBLIC", publicV4, "SERVER4", serverV4, "SERVER6", serverV6).Replace(`
table inet vendor
delete table inet vendor
table inet vendor {
	chain input {
		type filter hook input priority filter; policy drop;
		meta l4proto ipv6-icmp accept
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		iifname "wan" ip daddr SERVER4 tcp dport { PORTS } ct state new accept
		iifname "wan" ip6 daddr SERVER6 tcp dport { PORTS } ct state new accept
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "wan" ip daddr PUBLIC dnat ip to SERVER4
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan" ip saddr SERVER4 snat ip to PUBLIC
	}
}
`)
}

// everything is all ports, for a firewall that is not under test.
const everything = "1-65535"

// nft loads rules on a host.
func (w *world) nft(host, rules string) {
	w.t.Helper()
	w.must(w.run(program{host: host, path: "nft", args: []string{"-f", "-"}, stdin: rules}))
}

// iptables loads rules of both families on a host.
func (w *world) iptables(host, rules string) {
	w.t.Helper()
	for _, path := range []string{"iptables-restore", "ip6tables-restore"} {
		w.must(w.run(program{host: host, path: path, stdin: rules}))
	}
}

// reading has a firewall read the control connections of port 21 and let in the
// data connections that they announce.
const reading = `
table inet reading {
	ct helper ftp {
		type "ftp" protocol tcp
	}
	chain prerouting {
		type filter hook prerouting priority filter; policy accept;
		tcp dport 21 ct helper set "ftp"
	}
}
`
