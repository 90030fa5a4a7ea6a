package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/internal/wire"
)

// log writes a line about the session, with its ID and peer. A logger of its own
// would take memory that an idle session does not need.
func (s *session) log(level slog.Level, msg string, args ...any) {
	if s.srv.log.Enabled(s.ctx, level) {
		s.srv.log.Log(s.ctx, level, msg, s.named(args)...)
	}
}

// named puts the session and its peer before the attributes of a line.
func (s *session) named(args []any) []any {
	return append([]any{"session", s.id, "peer", s.peer.String()}, args...)
}

// often is a kind of line that a client can cause as often as it likes, mostly
// without a login. Without a limit one host could fill the disk with such lines.
// Each kind has a limit of its own, so that a storm of one does not hide another.
type often int

const (
	oftenAccept often = iota
	oftenRefused
	oftenHandshake
	oftenLogin     // a login that was refused
	oftenUndecided // a login that was not decided
	oftenAnonymous // a session without a login is over
	oftenNoPort
	oftenNoAddress
	oftenBounce
	oftenPanic // with a stack, of which each is long
	oftenKinds // how many there are
)

// oftenLines counts the lines of each kind.
type oftenLines struct {
	mu     sync.Mutex
	shares [oftenKinds]loglimit.Share
}

// logOften writes a line of a kind that is limited: the first few lines in a minute
// are written, and the next line after those tells how many were left out.
func (srv *Server) logOften(kind often, level slog.Level, msg string, args ...any) {
	ctx := context.Background()
	if !srv.log.Enabled(ctx, level) {
		return
	}
	srv.often.mu.Lock()
	ok, dropped := srv.often.shares[kind].Allow()
	srv.often.mu.Unlock()
	if !ok {
		return
	}
	if dropped > 0 {
		args = append(args, "unreported", dropped)
	}
	srv.log.Log(ctx, level, msg, args...)
}

// logOften writes a line about the session as Server.logOften does.
func (s *session) logOften(kind often, level slog.Level, msg string, args ...any) {
	s.srv.logOften(kind, level, msg, s.named(args)...)
}

// logPanic writes what the embedder's code panicked with, and where.
func (s *session) logPanic(v any, stack []byte) {
	s.logOften(oftenPanic, slog.LevelError, "panic", "value", printable(fmt.Sprint(v)), "stack", string(stack))
}

// logEnd writes the one line about the end of a session.
func (s *session) logEnd(cause error) {
	switch {
	case errors.Is(cause, wire.ErrClientHello):
		s.logOften(oftenHandshake, slog.LevelWarn, "TLS began on a port for explicit FTPS",
			"cure", "let the client use explicit FTPS (AUTH TLS), or connect to the port for implicit FTPS")
	case s.user == "":
		s.logOften(oftenAnonymous, slog.LevelInfo, "disconnected without a login", "cause", loggable(cause))
	default:
		s.log(slog.LevelInfo, "disconnected", "user", printable(s.user), "received", s.received, "sent", s.sent, "cause", loggable(cause))
	}
}

// printable makes a name from outside safe for one line of a log.
func printable(s string) string { return wire.Printable(s) }

// loggable makes an error safe for one line of a log, because the error of a driver
// may quote a name.
func loggable(err error) any {
	if err == nil {
		return nil
	}
	if text := err.Error(); printable(text) != text {
		return printable(text)
	}
	return err
}
