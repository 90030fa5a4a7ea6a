package server

import (
	"errors"
	"log/slog"
	"runtime"
	"syscall"
)

// logTransfer writes the line of a transfer that is over.
func (s *session) logTransfer(t *Transfer) {
	args := []any{"verb", t.Verb, "path", printable(t.Path), "bytes", t.Bytes}
	if t.Unproven {
		args = append(args, "unproven", true)
	}
	switch {
	case t.Err == nil:
		s.log(slog.LevelInfo, "transfer", append(args, "duration", t.Duration, "protected", t.Protected, "resumed", t.Resumed)...)
	case t.stopped():
		s.log(slog.LevelInfo, "transfer stopped by the client", append(args, "err", loggable(t.Err))...)
	default:
		s.log(slog.LevelWarn, "transfer failed", append(args, "err", loggable(t.Err))...)
	}
}

// stopped reports whether a transfer ended early because the client wanted it so: the
// client sent ABOR (RFC 959, section 4.1.3), or closed the data connection of a
// download, as players do when they look into a file. No operator has to act on a
// download that ends so. An upload that breaks is another matter: somebody misses a
// file.
func (t *Transfer) stopped() bool {
	var onData *dataError
	if !errors.As(t.Err, &onData) || onData.code != 426 {
		return false // the driver's own connection may have broken
	}
	return errors.Is(onData.err, errAborted) || !t.uploads() && peerClosed(onData.err)
}

func (t *Transfer) uploads() bool {
	row := commands[t.Verb]
	return row != nil && row.uploads
}

// peerClosed reports whether a write failed because the other end has closed the
// connection. Windows has error numbers of its own for such failures.
func peerClosed(err error) bool {
	var errno syscall.Errno
	switch {
	case !errors.As(err, &errno):
		return false
	case runtime.GOOS == "windows":
		return errno == 10053 || errno == 10054 // WSAECONNABORTED, WSAECONNRESET
	}
	return errno == syscall.EPIPE || errno == syscall.ECONNRESET
}
