// Package passive manages the data ports of an FTP server: which ports, for whom, for how long, and under what
// address clients are told of them. It knows nothing of FTP commands and of TLS, and is of use without the server.
//
//	ports, err := passive.Range("21000-21010")
//	if err != nil {
//		log.Fatal(err)
//	}
//	ports.Announce = passive.Address("203.0.113.7") // what clients outside must dial
//	defer ports.Close()
//
//	lease, err := ports.Lease(ctx, passive.Request{Client: client, Local: local}) // PASV
//	if err != nil {
//		return err // 425
//	}
//	defer lease.Close()
//	at, err := lease.Announced(ctx) // goes into 227
//	conn, err := lease.Accept(ctx)  // RETR, STOR, LIST
//
// # Leases, not listeners
//
// A [Lease] is the right of one client address to one connection on one port, for a limited time. A port's listener
// is opened when the port is first leased, is shared by all clients, and is closed when it has been idle for a while.
// As soon as the connection is there, its port is free again: a running transfer occupies none, so one port serves
// any number of transfers, and a set of n ports lets each client address have n connections pending at a time.
//
// Nothing outside the set is ever opened. A connection from an address without a lease is closed, and the lease it may
// have been meant to steal stays. No goroutine runs but one per open listener.
//
// # Security considerations
//
// A connection is recognised by its address. Whoever shares the client's address (a NAT, a shell host) can therefore
// take its data connection, and so can a late connection of the client itself, made for a lease that has ended, when
// the same port was leased to it again. TCP tells nobody which of two connections the client meant. Ports are chosen
// unpredictably and abandoned ones are avoided for a minute where that does not make the choice predictable, so
// neither happens by accident often; what excludes both is the proof that TLS session resumption on the data
// connection gives, which is up to the caller.
//
// It counts as a vulnerability when a connection from another address than the client's is returned by Accept (unless
// [Ports.InsecureAnyPeer] is set), when one lease's connection is returned for another, when a stranger can end
// somebody's lease, keep another address from leasing, make memory or the log grow without bound, or make the package
// spin, and when a port outside the set is opened. That one address can keep all ports waiting for itself for
// [Ports.TTL] is inherent; it harms only those who share that address.
package passive
