package passive

import (
	"fmt"
	"net/netip"
)

// sharedSpace is the carriers' NAT space of RFC 6598.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// Private tells whether a means nothing outside the network it belongs to: RFC 1918 and 6598, IPv6 unique local,
// link-local and loopback addresses, and the unspecified one.
func Private(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || sharedSpace.Contains(a)
}

// Warn returns a sentence for the log when a client is about to be told an address that it can hardly reach, with the
// cure, and the empty string otherwise. It is worth saying once, not for each PASV.
func Warn(client, announced netip.Addr) string {
	if !announced.IsValid() || !client.IsValid() || Private(client) || !Private(announced) {
		return ""
	}
	return fmt.Sprintf("the client at %v is told to connect to %v, which cannot be reached from outside: "+
		"announce the public address of the NAT in front of this host (passive.Address)", client.Unmap(), announced.Unmap())
}
