// Package lending lets several processes serve clients on the same data ports. One process has the ports and the table
// of leases ([Serve]). The others have their leases made there ([Table]), each over a socket of its own.
//
// For each connection that comes to a port, the process with the ports asks every process that has a lease on the port
// whose connection it is, and passes on what the client said first. The process that has the session does the
// handshake: for that it gets the connection's descriptor, and the bytes that were read already.
package lending
