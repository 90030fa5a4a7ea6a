package server

import (
	"errors"

	"github.com/sallyport/sallyport/passive"
)

// Siblings are other processes that serve the same users, on the same data ports or on
// others. A program with a control connection to one process and another to a second may
// keep the TLS tickets of both in one place, and show any of them on any data connection.
// By [Server.SessionReuse] tls.Prefer the ticket of another session of the same account at
// the same address is as good as that of the session itself; Siblings has that hold for the
// sessions of all processes. They must have the same ticket keys, see
// [Server.SetTicketKeys]. The methods are called concurrently.
type Siblings interface {
	// Join returns the Prover that leases of data ports get, which has to do for the
	// server's own sessions what own does. A Prover that also knows the sessions of other
	// processes lets them share ports. It is called once.
	Join(own passive.Prover) passive.Prover
	// OwnerOf returns the owner of a session of another process, as Prover.OwnerOf of that
	// process does; "" if no other process has the session. Handshakes on data connections
	// wait for it.
	OwnerOf(session string) (owner string)
}

// join makes the sessions of other processes known. start calls it.
func (srv *Server) join() {
	if srv.Siblings == nil || srv.layer == nil {
		return
	}
	srv.layer.Elsewhere = srv.Siblings.OwnerOf
	srv.joint = srv.Siblings.Join(srv.prover)
}

// SetTicketKeys replaces the keys of TLS session tickets, which a server otherwise makes
// for itself and replaces each day: the first key seals tickets, and all open them. A
// server whose keys were set once replaces them no more. Processes that share keys do so
// to know each other's tickets; whoever has a key can read what was sent over TLS 1.2 by
// way of a ticket that the key has sealed. SetTicketKeys starts a server that has not been
// started, so it returns the errors of Validate as well. It may be called at any time from
// any goroutine.
func (srv *Server) SetTicketKeys(keys [][32]byte) error {
	if err := srv.start(); err != nil {
		return err
	}
	switch {
	case len(keys) == 0:
		return errors.New("server: no ticket keys")
	case srv.layer == nil:
		return errors.New("server: without TLS there are no tickets")
	}
	srv.layer.SetTicketKeys(keys)
	return nil
}
