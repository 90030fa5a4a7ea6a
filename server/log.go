package server

import (
	"log/slog"

	"github.com/sallyport/sallyport/internal/wire"
)

// log writes a line about the session. It names it each time: a logger of its
// own would be memory that an idle session does not need.
func (s *session) log(level slog.Level, msg string, args ...any) {
	if s.srv.log.Enabled(s.ctx, level) {
		s.srv.log.Log(s.ctx, level, msg, append([]any{"session", s.id, "peer", s.peer.String()}, args...)...)
	}
}

// printable makes a name from outside safe for one line of a log.
func printable(s string) string { return wire.Printable(s) }

// loggable makes an error safe likewise: a driver's may quote a name.
func loggable(err error) any {
	if err == nil {
		return nil
	}
	if text := err.Error(); printable(text) != text {
		return printable(text)
	}
	return err
}
