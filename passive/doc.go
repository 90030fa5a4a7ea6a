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
// is first leased, is shared by all clients, and is closed when it has been idle for a while. The place is free again
// as soon as the connection is there: a running transfer occupies no place, so one port serves any number of transfers.
//
// Nothing outside the set is ever opened. A connection that belongs to no lease is closed, and the lease it may have
// been meant to steal stays. A goroutine runs for each open listener and for each connection whose owner is not known
// yet; the number of such connections has a limit.
//
// # Address and proof
//
// Connections from different addresses are told apart by address, whatever the port. For those from one address there
// are two ways, which [Request.Prover] decides.
//
// Without a [Prover] a port serves one unconnected lease of a client address at a time, and a set of n ports lets each
// client address have n connections pending. Further calls of [Ports.Lease] wait.
//
// With a Prover a connection first says which session it claims to be for, and any number of leases of an address share
// a port, each to be claimed by its own session. A claim gives a connection the right to a handshake; only a handshake
// that proves it releases data. At most one lease of an address on a port may do without proof, and that only when its
// transfer has been asked for; when two connections come that prove nothing, the lease gets neither and waits for proof
// a few seconds. A connection from another address is given to the lease that it proves to be for, unless
// [Ports.StrictPeer] is set. A lease without a Prover is alone with its address on its port. [Request.Policy] says what
// a session's connections are expected to prove, and thereby how the session gets a place:
//
//	Required  shares any port at once; nothing but proof counts
//	Expected  the same, because the session has proved itself before
//	Untested  waits for a place where it can do without proof, and shares a port when nothing has moved for half of
//	          Ports.Wait
//	Unlikely  waits for such a place, of which each port has one for each address; beside leases of its owner whose
//	          tickets are untested it takes one when nothing has moved for half of Ports.Wait
//	Waived    waits for a port without another lease of its address; the Prover only does the handshake
//
// A lease that is not used for five seconds gives such a place to those who wait; from then on only a connection with
// proof gets the lease. Leases that share a port give way as well when a connection without proof comes that may be for
// any of them, and the transfer of only one of them has been asked for: five seconds later the connection goes to that
// lease, and the others need proof. Leases of one [Request.Owner] share a port like others, unless connections of the
// owner proved to be of another session than the one that they were for: then each lease takes a port of its own, or
// waits for a turn. Waiting is in order; [Ports.Wait] says after how long a call of Lease returns [ErrBusy].
//
// Which connection is given to which lease is one pure function, in rule.go. A model of the table around it is explored
// by the tests.
//
// # Security considerations
//
// A connection without proof is recognised by its address. Whoever shares the client's address (a NAT, a shell host)
// can therefore take the client's data connection, and so can a late connection of the client itself, made for a lease
// that has ended, when the same port was leased to the client again. TCP tells nobody which of two connections the
// client meant. This concerns sessions with the policy Untested, Unlikely or Waived alone, and those without a Prover.
// What strangers do (connect, say nothing, hang up, show the ticket of another, fail to prove it) never makes a session
// do without the proof that its policy demands, and does not end the lease of such a session before its time, with one
// exception: after a failed claim to the lease from the client's address or the same IPv6 network of 64 bits, the lease
// of a client that makes no other connection within two seconds ends, so that an honest client hears of it. More than
// three such claims of one network in a minute, or of one session in an hour, end nothing, and those from other
// addresses never do.
//
// The lease of a session that may do without proof also ends when a connection made after the lease from the client's
// address fails in its handshake and no other follows within five seconds of the transfer command, or says nothing for
// [Request.HelloTimeout] after that: this may be the client's only one. A client whose data connection comes from
// another address than its control connection loses to one without proof from the address of the control connection,
// if its own proof takes longer than a second.
//
// Whoever has overheard a session's ticket can claim the session again and again, and gets no data for that. The
// handshakes on behalf of a lease begin in order of arrival, those of connections from the client's own address first,
// and while one takes its time the next begins beside it after a tenth of a second. So each claim from that address
// delays the session's own connection by that much at most, and all those from elsewhere together do. Of connections
// that have not been given to anybody, a port holds 128 more than leases of one address (under IPv6 a network of 64
// bits), and 64 from addresses without a lease there, 48 at most of them of one address. Further ones are reset, the
// client's own among them: none is closed in favour of another, since one that is silent may be the client's. Ports are
// chosen unpredictably where there are several, and abandoned ones are avoided for a minute where that does not make
// the choice predictable.
//
// It counts as a vulnerability when a connection without proof that comes from another address than the client's is
// returned by Accept (unless [Ports.InsecureAnyPeer] is set), when a connection without proof is returned for a session
// with the policy Expected or Required, when a connection that proves to be of one session is returned for a session of
// a different owner, when a stranger can end somebody's lease otherwise than said above, keep another address from
// leasing, make memory or the log grow without bound, or make the package spin, and when a port outside the set is
// opened. That one address can keep all ports waiting for itself for [Ports.TTL] is inherent; it holds up those who
// share that address and bring no proof.
package passive
