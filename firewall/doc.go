// Package firewall works out what firewalls must let through for an FTPS server, and writes it down for each kind of
// firewall, from a letter to the other company's team to rules that can be loaded as they are.
//
//	setup := firewall.Setup{
//		Public:   []netip.Addr{netip.MustParseAddr("203.0.113.7")},
//		Explicit: []uint16{21},
//		Data:     "21000-21010",
//	}
//	letter, err := firewall.Render("change-request", firewall.Client, setup)
//	if err != nil {
//		log.Fatal(err)
//	}
//	fmt.Print(letter)
//
// A [Setup] says where the server listens and who its clients are; [From] takes most of it from a server's settings.
// [Setup.Flows] returns what firewalls must let through as values, and [Render] writes it in the language of a [Kind].
// [Kinds] lists the kinds, and [Setup.NotNeeded] what people open without need.
//
// # Three firewalls
//
// The same connection meets up to three firewalls, each of which sees other addresses and ports:
//
//	client ── Client ──────────────── Border ── Server
//	          outbound,               inbound,  inbound, the server's
//	          the clients' own        public    own addresses, and
//	          addresses as source     address   ports as listened on
//
// In passive mode (RFC 959, section 4.1.2; RFC 2428, section 3) the client opens every connection. The control
// connection is encrypted (RFC 4217), so no firewall can learn a data port from it: the ports have to be named in
// advance, which is what this package does. [passive.Ports] keeps them few.
//
// # Guarantees
//
// Rules for nftables and iptables load unedited and are exactly sufficient: they drop everything but what the flows and
// the host's own IPv6 need, and no rule can be left out. Each rule has a comment that names its flow, such as
// "sallyport: data", or its purpose: "replies" (which cover the ICMP errors of path MTU discovery), "loopback", and
// what a host's own IPv6 needs (RFC 4890, section 4.4.1): "neighbours", "router advertisements", "multicast listeners"
// and "DHCP". Comments of translations end in "translation". The rules drop everything else that the machine does, too:
// read the comments at the top before you load them on a machine that you only reach over the network.
//
// The same Setup always renders to the same text.
//
// # Security considerations
//
// Rules are pasted into root shells. It counts as a vulnerability if a value of Setup brings anything but addresses,
// numbers and plain names into what is rendered, if a rule admits a connection that is no flow, or if an unfinished
// rendering comes without an error. [Setup.Name] and [Setup.PublicName] are checked against a list of characters;
// everything else is printed from numbers.
package firewall
