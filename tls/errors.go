package tls

import (
	"context"
	stdtls "crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
)

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
	// handshake had to begin: mostly a client that speaks explicit TLS, or
	// none, on a port for implicit TLS, or one whose data connection is clear
	// although protection was agreed.
	ErrClearText = errors.New("the client sent clear text where a TLS handshake was expected")
)

// explain words a handshake's failure for whoever reads the log. silent says
// that not one byte had come from the peer.
func explain(err error, silent bool) error {
	var header stdtls.RecordHeaderError
	switch {
	case errors.As(err, &header) && header.Conn != nil && printable(header.RecordHeader[:]):
		return fmt.Errorf("TLS handshake: %w (it begins with %q)", ErrClearText, header.RecordHeader[:])
	case silent && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)):
		return fmt.Errorf("TLS handshake: the client sent nothing: %w", err)
	}
	return fmt.Errorf("TLS handshake: %w%s", err, hint(err.Error()))
}

// printable tells a command from noise. A type of record is never printable.
func printable(p []byte) bool {
	for _, b := range p {
		if (b < ' ' || b > '~') && b != '\r' && b != '\n' {
			return false
		}
	}
	return true
}

// hint adds what the alerts and errors seen most often mean in practice.
func hint(text string) string {
	switch {
	case strings.Contains(text, "unknown certificate authority"), strings.Contains(text, "bad certificate"),
		strings.Contains(text, "certificate unknown"):
		return " (one side does not trust the other's certificate)"
	case strings.Contains(text, "client offered only unsupported versions"):
		return " (the client's TLS is older than this server accepts)"
	case strings.Contains(text, "unsupported application protocols"):
		return " (the client did not mean to speak FTP)"
	}
	return ""
}
