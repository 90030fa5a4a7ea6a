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
// A [Lease] is the right to one connection on one port, for a limited time. A port's listener is opened when the port
// is first leased, is shared by all clients, and is closed when it has been idle for a while. As soon as the connection
// is there, its place is free again: a running transfer occupies none, so one port serves any number of transfers.
//
// Nothing outside the set is ever opened. A connection that belongs to no lease is closed, and the lease it may have
// been meant to steal stays. One goroutine runs for each open listener, and one for each connection whose owner is not
// known yet, of which there is a limit.
//
// # Address and proof
//
// Connections from different addresses are told apart by address, whatever the port. For those from one address there
// are two ways, which [Ports.Whose] decides.
//
// Without it a port serves one unconnected lease of a client address at a time, and a set of n ports lets each client
// address have n connections pending. Further calls of [Ports.Lease] wait.
//
// With it a connection says whose it is before it is given to anybody, and any number of leases of an address share a
// port, each to be claimed by its own [Request.Proof]. At most one of them may be claimed without proof, and that only
// when its transfer has been asked for; when two such connections come, it gets neither. A connection from another
// address is given to the lease that it proves to be for, unless [Ports.StrictPeer] is set. A lease that has no proof
// is alone with its address on its port. [Request.Habit] says what a session's connections are expected to bring, and
// with it how it gets a place:
//
//	Must     shares any port at once; a connection without proof is of no use to it, see [Lease.MustProve]
//	Proves   shares any port at once
//	Unknown  waits for a place where it can do without proof, and shares a port when nothing has moved for half of
//	         [Ports.Wait], as when somebody of its address takes leases and does not use them
//	Never    waits for such a place, of which each port has one for each address
//
// Leases of one [Request.Owner], who may use the proof of one session for another, share a port only when waiting does
// not help, and never once a mix-up was seen: each takes a port of its own, or its turn. Waiting is in order, and a
// call of Lease returns [ErrBusy] when nothing has moved for [Ports.Wait].
//
// # Security considerations
//
// A proof is a claim: Whose reads what the client says first and verifies nothing. Whoever calls [Lease.Accept]
// verifies it, and gives the connection up when [Lease.MustProve] says so and nothing was proved. Who has seen a
// session's greeting on the network can repeat it, and so deny it one transfer; that is no proof yet, and gets no data.
//
// A connection without proof is recognised by its address. Whoever shares the client's address (a NAT, a shell host)
// can therefore take its data connection, and so can a late connection of the client itself, made for a lease that has
// ended, when the same port was leased to it again. TCP tells nobody which of two connections the client meant. With
// Whose this remains possible in three cases: for a session that never proves itself, as long as its own connection is
// not there as well; for one whose first connection is yet to come; and for one that has proved itself before and whose
// connection is more than a second later than the transfer. Nothing of this concerns sessions with the habit [Must].
// Ports are chosen unpredictably where there are several, and abandoned ones are avoided for a minute where that does
// not make the choice predictable.
//
// It counts as a vulnerability when a connection without proof that comes from another address than the client's is
// returned by Accept (unless [Ports.InsecureAnyPeer] is set), when one that proves to be of one session is returned for
// another of a different owner, when one without proof is returned for a session with the habit Must and MustProve does
// not say so, when a stranger can end somebody's lease, keep another address from leasing, make memory
// or the log grow without bound, or make the package spin, and when a port outside the set is opened. That one address
// can keep all ports waiting for itself for [Ports.TTL] is inherent; it holds up those who share that address and bring
// no proof.
package passive
