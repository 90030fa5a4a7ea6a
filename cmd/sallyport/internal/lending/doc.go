// Package lending lets several processes serve their clients on the same data ports: one of them has the ports and the
// table of leases ([Serve]), and the others have their leases made there ([Table]), each over a socket of its own.
//
// A connection that comes is shown to each process that has a lease on its port: the others are told what the client
// said first, and say whose it is. The handshake of a connection is done by the process that has its session, which
// gets the connection's descriptor for that, with the bytes that were read already.
package lending
