package tls

import "errors"

var (
	// ErrForeign means that a data connection offered a ticket issued to
	// another session: somebody else's connection, or a client that mixes up
	// its own sessions. The connection has been closed. The right answer on
	// the control connection is 522, or 425.
	ErrForeign = errors.New("the data connection belongs to another session")

	// ErrNotResumed means that the policy is Require and the data connection
	// did not resume its control connection's TLS session. The connection has
	// been closed. The right answer on the control connection is 522.
	ErrNotResumed = errors.New("the data connection did not reuse the TLS session of the control connection")

	// ErrOtherCertificate means that control and data connection presented
	// different client certificates. The connection has been closed.
	ErrOtherCertificate = errors.New("the data connection presented another client certificate than the control connection")

	// ErrClearText means that the peer sent something that is no TLS where a
	// handshake had to begin: mostly a client that speaks explicit TLS or none
	// on a port for implicit TLS, or a client whose data connection is clear
	// although protection was agreed.
	ErrClearText = errors.New("the client sent clear text where a TLS handshake was expected")
)
