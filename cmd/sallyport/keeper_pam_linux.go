package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/pamhelper"
	"github.com/sallyport/sallyport/driver"
)

// askHelper returns why a helper can't ask PAM.
func askHelper(h pamhelper.Helper) error { return h.Check(context.Background()) }

// loginByPAM has a helper ask PAM about a login.
func loginByPAM(ctx context.Context, h pamhelper.Helper, user, password, peer string) (pamhelper.Answer, error) {
	return h.Login(ctx, user, password, peer)
}

// pamSession is the PAM session that a hand lives in.
type pamSession struct {
	*pamhelper.Session
	user string
	log  *slog.Logger
}

// openSession has PAM open a session for a hand; it returns nil if the hand's user was not
// accepted by PAM.
func (hs *hands) openSession(ctx context.Context, at place) (*pamSession, error) {
	if at.session == "" {
		return nil, nil
	}
	s, a, err := hs.k.current().pamHelper().Open(ctx, at.session)
	switch {
	case err == nil && a.Verdict == pamhelper.Accepted:
		return &pamSession{s, at.session, hs.k.log}, nil
	case err == nil && a.Verdict == pamhelper.Refused:
		return nil, fmt.Errorf("PAM opens no session of user %q: %s: %w", at.session, a.Reason, driver.ErrLogin)
	case err == nil:
		err = errors.New(a.Reason)
	}
	return nil, errTryAgain(fmt.Errorf("PAM opens no session of user %q: %w", at.session, err))
}

// limits returns the limits that PAM's modules have set for processes of the session.
func (s *pamSession) limits() map[int]pamhelper.Limit {
	if s == nil {
		return nil
	}
	return s.Limits
}

// close has PAM close the session.
func (s *pamSession) close() {
	if s == nil {
		return
	}
	if err := s.Session.Close(); err != nil {
		s.log.Warn("PAM has not closed a session", "user", s.user, "err", err)
	}
}
