package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/pamhelper"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/driver"
)

// askHelper returns why a helper can't ask PAM.
func askHelper(h pamhelper.Helper) error { return h.Check(context.Background()) }

// loginByPAM has a helper ask PAM about a login.
func loginByPAM(ctx context.Context, h pamhelper.Helper, user, password, peer string) (pamhelper.Answer, error) {
	return h.Login(ctx, user, password, peer)
}

// pamSession is the session of PAM that a hand lives in. A helper opens it, starts the hand in it, and closes it after
// the end of the hand.
type pamSession struct {
	*pamhelper.Session // nil before it is opened
	helper             pamhelper.Helper
	user               string
	log                *slog.Logger
}

// session returns the session of a hand that is to be started; nil if the hand's user was not accepted by PAM.
func (hs *hands) session(at place) *pamSession {
	if at.session == "" {
		return nil
	}
	return &pamSession{helper: hs.k.current().pamHelper(), user: at.session, log: hs.k.log}
}

// by returns what opens the session and starts the hand; nil without a session.
func (s *pamSession) by() func(cmd *exec.Cmd, run func(*exec.Cmd) error) (pid int, err error) {
	if s == nil {
		return nil
	}
	return func(cmd *exec.Cmd, run func(*exec.Cmd) error) (pid int, err error) {
		opened, a, err := s.helper.Open(context.Background(), s.user, cmd, run)
		switch {
		case err == nil && a.Verdict == pamhelper.Accepted:
			s.Session = opened
			return a.Hand, nil
		case err == nil && a.Verdict == pamhelper.Refused:
			return 0, fmt.Errorf("PAM opens no session of user %q: %s: %w", s.user, a.Reason, driver.ErrLogin)
		case err == nil:
			err = errors.New(a.Reason)
		}
		return 0, errTryAgain(fmt.Errorf("PAM opens no session of user %q: %w", s.user, err))
	}
}

// closeAfter has PAM close the session when the hand has ended.
func (s *pamSession) closeAfter(hand *part.Process) {
	if s == nil {
		return
	}
	<-hand.Ended()
	s.close()
}

// close has PAM close the session if it is open.
func (s *pamSession) close() {
	if s == nil || s.Session == nil {
		return
	}
	if err := s.Session.Close(); err != nil {
		s.log.Warn("PAM has not closed a session", "user", s.user, "err", err)
	}
}

// leftSession is a session of PAM, whose helper lives on.
type leftSession struct {
	Helper string // the path
	PID    int
	Files  [3]int // its standard input, output and error
}

// session passes the session of a hand on to the next program; nil if there is none.
func (l *leaving) session(s *pamSession) (*leftSession, error) {
	if s == nil {
		return nil, nil
	}
	from := s.Leave()
	to := &leftSession{Helper: from.Path, PID: from.PID}
	for i, f := range from.Files {
		var err error
		if to.Files[i], err = l.number(f); err != nil {
			return nil, err
		}
	}
	return to, nil
}

// adopt takes the session of a user over; nil if there is none.
func (l *leftSession) adopt(user string, log *slog.Logger) (*pamSession, error) {
	if l == nil {
		return nil, nil
	}
	from := pamhelper.Left{Path: l.Helper, PID: l.PID}
	for i, fd := range l.Files {
		unix.CloseOnExec(fd)
		from.Files[i] = os.NewFile(uintptr(fd), "pipe")
	}
	session, err := pamhelper.Adopt(from)
	return &pamSession{Session: session, user: user, log: log}, err
}
