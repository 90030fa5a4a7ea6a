package server

import "time"

// Defaults of the fields of Server.
const (
	DefaultIdleTimeout           = 5 * time.Minute
	DefaultLoginTimeout          = 60 * time.Second
	DefaultHandshakeTimeout      = 10 * time.Second
	DefaultDataTimeout           = 60 * time.Second
	DefaultMaxSessions           = 5000
	DefaultMaxSessionsPerAddress = 500
	DefaultMaxLoginFailures      = 3
)

func (srv *Server) idleTimeout() time.Duration {
	return duration(srv.inForce().IdleTimeout, DefaultIdleTimeout)
}
func (srv *Server) loginTimeout() time.Duration {
	return duration(srv.inForce().LoginTimeout, DefaultLoginTimeout)
}
func (srv *Server) handshakeTimeout() time.Duration {
	return duration(srv.inForce().HandshakeTimeout, DefaultHandshakeTimeout)
}
func (srv *Server) dataTimeout() time.Duration {
	return duration(srv.inForce().DataTimeout, DefaultDataTimeout)
}

// forever stands for "no limit". It can be added to a time without an overflow.
const forever = 100 * 365 * 24 * time.Hour

func duration(d, def time.Duration) time.Duration {
	switch {
	case d == 0:
		return def
	case d < 0:
		return forever
	}
	return d
}

func count(n, def int) int {
	switch {
	case n == 0:
		return def
	case n < 0:
		return int(^uint(0) >> 1)
	}
	return n
}
