package passive

// inUse is what EADDRINUSE means. A connection that this host has opened to another
// gets its port from the same numbers, and whoever looks for a second server on the
// port finds none.
const inUse = "already in use, by another program or by an outgoing connection of this host" +
	" (add the ports to the sysctl net.ipv4.ip_local_reserved_ports, and outgoing connections keep off them)"
