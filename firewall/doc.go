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
// [Setup.Flows] is the answer as values, [Setup.NotNeeded] what people open without need, and [Render] the answer in
// the language of a [Kind]. [Kinds] lists them.
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
// What is rendered for nftables and iptables loads unedited and is exactly sufficient: everything is dropped but what
// the flows and the host's own IPv6 need, and no rule can be taken away. Each rule carries a comment that names its
// flow, such as "sallyport: data", or what else it is for: "replies" (which cover the ICMP errors of path MTU
// discovery), "loopback", and what a host's own IPv6 lives on (RFC 4890, section 4.4.1): "neighbours", "router
// advertisements", "multicast listeners" and "DHCP". Translations end in "translation". What is dropped includes
// everything else that the machine does, so read the comments at the top before loading them on one you only reach over
// the network.
//
// The same Setup always renders to the same text.
//
// # Security considerations
//
// Rules are pasted into root shells. It counts as a vulnerability when a value of Setup brings anything but addresses,
// numbers and plain names into what is rendered, when a rule admits a connection that is no flow, or when a rendering
// that was not finished comes without an error. [Setup.Name] and [Setup.PublicName] are checked against a list of
// characters, everything else is printed from numbers.
package firewall
