package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// hasWords reports whether an error holds words that a driver wrote for the client.
func hasWords(err error) bool { return errors.As(err, new(*driver.Error)) }

// loginRefused returns the reply to a login that was refused: the driver's words
// for the client, and for any other error the one sentence that tells a guesser
// nothing. A code that says anything but "not logged in" (RFC 959, section 4.2.2;
// RFC 2228, section 5) is sent as 530.
func loginRefused(err error) wire.Reply {
	var own *driver.Error
	if !errors.As(err, &own) {
		return wire.Text(530, "Login incorrect.")
	}
	code := own.Code
	if code < 530 || code > 539 {
		code = 530
	}
	return wire.Text(code, own.Text)
}

// notAPassword turns driver.ErrNeedPassword into driver.ErrLogin for a client that
// has given a password: what the client gave is no password of the user. The
// driver's words stay.
func notAPassword(err error) error {
	if hasWords(err) {
		return fmt.Errorf("%w: %w", driver.ErrLogin, err)
	}
	return driver.ErrLogin
}

// verdict says whether a login was a guess. Only wrong credentials are one: a backend
// that is out of order has compared nothing, and a refusal in the driver's words
// without driver.ErrLogin is about something else. Whoever hangs up before the
// answer has made a guess, since hanging up must not spare a guesser the delay; a
// session that the server itself ends has not.
func (s *session) verdict(err error) verdict {
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, driver.ErrLogin):
		return refused
	case hasWords(err), s.ctx.Err() == nil, s.endedHere():
		return undecided
	}
	return refused
}

// logLogin writes the line about an attempt to log in. A login that was not decided
// is an error, which the operator has to see to. Lines about failures are limited,
// since anybody can fail as often as they like, and during an outage without a
// delay.
func (s *session) logLogin(user string, err error) {
	switch {
	case err == nil:
		s.log(slog.LevelInfo, "login", "user", printable(user), "secure", s.secured)
	case errors.Is(err, driver.ErrLogin), hasWords(err):
		s.logOften(oftenLogin, slog.LevelWarn, "login refused", "user", printable(user), "err", loggable(err))
	case errors.Is(err, ErrTooManySessions): // which anybody with an account can cause
		s.logOften(oftenRefused, slog.LevelWarn, "login refused", "user", printable(user), "err", loggable(err))
	default:
		s.logOften(oftenUndecided, slog.LevelError, "login not decided", "user", printable(user), "err", loggable(err))
	}
}

// endedHere reports whether the server itself ends the session, and not the client.
func (s *session) endedHere() bool {
	cause := context.Cause(s.ctx)
	return errors.Is(cause, errServerClosing) || errors.Is(cause, ErrDisconnected)
}
