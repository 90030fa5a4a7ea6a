package passive

// inUse says what EADDRINUSE means. An outgoing connection of this host may have
// been given the port as its own; whoever looks for a second server on the port
// finds none then.
const inUse = "already in use, by another program or by an outgoing connection of this host" +
	" (add the ports to the sysctl net.ipv4.ip_local_reserved_ports, and outgoing connections keep off them)"
