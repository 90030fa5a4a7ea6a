package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// enterAccount counts a session that logs in. The error wraps ErrTooManySessions and
// names the limit that is reached. Where addresses are shared MaxSessionsPerAddress
// bounds the sessions of an account. Call leaveAccount at the logout.
func (srv *Server) enterAccount(s *session, name string) error {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	h := srv.holdings[name]
	if h == nil {
		h = &holding{name: name}
	}
	all := h.sessions + srv.elsewhere.Accounts[name]
	switch most := s.policy.MaxSessions; {
	case srv.SharedAddress && all >= count(srv.inForce().MaxSessionsPerAddress, DefaultMaxSessionsPerAddress):
		return errMaxSessionsOfUser
	case most > 0 && all >= most:
		return errMaxSessionsPolicy
	}
	srv.holdings[name] = h
	h.sessions++
	h.up.setRate(s.policy.UploadRate)
	h.down.setRate(s.policy.DownloadRate)
	s.holding = h
	return nil
}

// leaveAccount undoes enterAccount, and does nothing for a session that was not
// counted.
func (srv *Server) leaveAccount(s *session) {
	if s.holding == nil {
		return
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if s.holding.sessions--; s.holding.sessions == 0 && !s.holding.kept {
		srv.letGo(s.holding)
	}
	s.holding = nil
}

// letGo deletes what the sessions of an account shared: now, or as soon as the rates of
// the account owe nothing. If the rates were deleted sooner, a client could get around
// them by a login for each small file. The caller has locked srv.mu.
func (srv *Server) letGo(h *holding) {
	owed := max(h.up.owed(), h.down.owed())
	if h.kept = owed > 0; !h.kept {
		delete(srv.holdings, h.name)
		return
	}
	time.AfterFunc(owed, func() {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		if h.kept = false; h.sessions == 0 {
			srv.letGo(h)
		}
	})
}

// holding is what the sessions of one account share, whatever addresses they come from.
// It is kept while one of the sessions is logged in, and then until its rates owe
// nothing.
type holding struct {
	name     string
	sessions int  // guarded by Server.mu
	kept     bool // a timer keeps it, see letGo; guarded by Server.mu
	up, down bucket
}

// holder returns the name by which sessions of an account are counted. Neither the host
// nor the case of letters is part of the name: a client may name any host, and a
// backend may take a name in either case, so both would be ways around a limit.
func holder(account *driver.Account, user string) string {
	if account.Owner != "" {
		return fmt.Sprintf("account %q", account.Owner)
	}
	return fmt.Sprintf("user %q", strings.ToLower(user))
}
