package firewall_test

import (
	"fmt"
	"log"
	"net/netip"

	"github.com/sallyport/sallyport/firewall"
	"github.com/sallyport/sallyport/passive"
)

func ExampleRender() {
	setup := firewall.Setup{
		Server:   []netip.Addr{netip.MustParseAddr("10.0.0.5")},
		Public:   []netip.Addr{netip.MustParseAddr("203.0.113.7")},
		Clients:  []netip.Prefix{netip.MustParsePrefix("198.51.100.0/28")},
		Implicit: []uint16{990},
		Data:     "21000-21010",
	}
	rules, err := firewall.Render("nftables", firewall.Border, setup)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(rules)
	// Output:
	// # FTPS to 203.0.113.7: nftables rules for the firewall in front of the server (side: border).
	// # What it lets through:
	// #   inbound TCP from 198.51.100.0/28 to 203.0.113.7 port 990, translated to 10.0.0.5 port 990 (control implicit)
	// #   inbound TCP from 198.51.100.0/28 to 203.0.113.7 ports 21000-21010, translated to 10.0.0.5 ports 21000-21010
	// #   (data)
	// # Packets that belong to these connections must pass in both directions, and so must the ICMP errors about them,
	// # which path MTU discovery needs (RFC 1191, RFC 8201): a stateful firewall calls both established and related.
	// # Not needed: UDP; port 20; port 989; the other ports above 1023; connections from the server to the client; an
	// # FTP helper (ALG, inspection, fixup).
	// # Load with nft -f. Everything else is dropped, whatever else the firewall forwards included: add what else the
	// # machine needs.
	// table inet ftps-sallyport
	// delete table inet ftps-sallyport
	// table inet ftps-sallyport {
	// 	chain forward {
	// 		type filter hook forward priority filter; policy drop;
	// 		ct state established,related accept comment "sallyport: replies"
	// 		ip saddr 198.51.100.0/28 ip daddr 10.0.0.5 tcp dport 990 ct state new accept comment "sallyport: control implicit"
	// 		ip saddr 198.51.100.0/28 ip daddr 10.0.0.5 tcp dport 21000-21010 ct state new accept comment "sallyport: data"
	// 	}
	// 	chain prerouting {
	// 		type nat hook prerouting priority dstnat; policy accept;
	// 		ip daddr 203.0.113.7 tcp dport 990 dnat ip to 10.0.0.5 comment "sallyport: control implicit, translation"
	// 		ip daddr 203.0.113.7 tcp dport 21000-21010 dnat ip to 10.0.0.5 comment "sallyport: data, translation"
	// 	}
	// }
}

func ExampleFrom() {
	ports, err := passive.Range("21000-21010")
	if err != nil {
		log.Fatal(err)
	}
	ports.Announce = passive.Address("203.0.113.7")
	setup, err := firewall.From(ports, []string{":21"}, []string{":990"})
	if err != nil {
		log.Fatal(err)
	}
	setup.Server = []netip.Addr{netip.MustParseAddr("10.0.0.5")} // behind the public address
	flows, err := setup.Flows(firewall.Client)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range flows {
		fmt.Println(f)
	}
	// Output:
	// outbound TCP from anyone to 203.0.113.7 port 21 (control explicit)
	// outbound TCP from anyone to 203.0.113.7 port 990 (control implicit)
	// outbound TCP from anyone to 203.0.113.7 ports 21000-21010 (data)
}

func ExampleSetup_NotNeeded() {
	setup := firewall.Setup{Explicit: []uint16{21}, Data: "21000-21010"}
	for _, e := range setup.NotNeeded() {
		fmt.Println(e.What)
	}
	// Output:
	// UDP
	// Port 20
	// Port 989
	// The other ports above 1023
	// Connections from the server to the client
	// An FTP helper (ALG, inspection, fixup)
}
