package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
)

// Refusal is a connection that was closed before a session began.
type Refusal struct {
	// Peer is the client's address and Local the one it connected to.
	Peer, Local netip.AddrPort
	// Err is the reason: ErrTooManySessions, wrapped with the name of the limit,
	// ErrServerClosed, or what was given to Server.Refused.
	Err error
	// Limit is the field of Server that stood against the connection, MaxSessions or
	// MaxSessionsPerAddress; empty when Err is another reason. MaxSessionsPerAddress alone
	// says that the peer has too many connections itself.
	Limit string
}

// ErrTooManySessions is the reason, wrapped with the name of the limit, for which a
// connection is refused, and for which a session ends whose user has too many.
var ErrTooManySessions = errors.New("server: too many sessions")

var (
	errMaxSessions       = fmt.Errorf("%w: MaxSessions is reached", ErrTooManySessions)
	errMaxSessionsHere   = fmt.Errorf("%w: MaxSessionsPerAddress is reached", ErrTooManySessions)
	errMaxSessionsPolicy = fmt.Errorf("%w: Policy.MaxSessions is reached", ErrTooManySessions)
	errMaxSessionsOfUser = fmt.Errorf("%w: MaxSessionsPerAddress is reached for the user", ErrTooManySessions)
)

// Refused tells [Hooks.Refuse] of a connection that never reaches the server,
// because a wrapper of a listener has closed it: for a list of banned addresses, or
// for want of a PROXY header. err is the reason. Refused may be called concurrently.
// Protocol.Refused of package proxyproto can be set to it.
func (srv *Server) Refused(conn net.Conn, err error) {
	if h := srv.Hooks; h != nil && h.Refuse != nil {
		srv.hookRefuse(Refusal{Peer: addrPort(conn.RemoteAddr()), Local: dialled(conn), Err: err, Limit: limitOf(err)})
	}
}

// limitOf returns the field of Server whose limit is the reason of a refusal, empty
// if none is.
func limitOf(err error) string {
	switch err {
	case errMaxSessions:
		return "MaxSessions"
	case errMaxSessionsHere:
		return "MaxSessionsPerAddress"
	}
	return ""
}

// hookRefuse calls the hook and logs its panic, as there is no session that the
// panic could end.
func (srv *Server) hookRefuse(r Refusal) {
	defer func() {
		if v := recover(); v != nil && srv.Logger != nil {
			srv.logOften(oftenPanic, slog.LevelError, "panic", "value", printable(fmt.Sprint(v)), "stack", string(debug.Stack()))
		}
	}()
	srv.Hooks.Refuse(r)
}
