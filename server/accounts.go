package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// enterAccount counts a session that logs in. The error wraps ErrTooManySessions and
// names the limit that is reached. Where addresses are shared MaxSessionsPerAddress
// bounds the sessions of an account. Call leaveAccount at the logout.
func (srv *Server) enterAccount(ctx context.Context, s *session, name string) error {
	most, why := srv.mostOf(s)
	srv.mu.Lock()
	h := srv.holdings[name]
	if h == nil {
		h = &holding{name: name}
	}
	if most > 0 && h.sessions >= most {
		srv.mu.Unlock()
		return why
	}
	srv.holdings[name] = h
	h.sessions++
	place := h.sessions // of logins that ask other processes at once the first has the first place
	s.holding = h
	srv.mu.Unlock()
	others := srv.accountElsewhere(ctx, name, most > 0)
	srv.mu.Lock()
	over := most > 0 && place+others > most
	if !over {
		h.up.setRate(s.policy.UploadRate)
		h.down.setRate(s.policy.DownloadRate)
	}
	srv.mu.Unlock()
	if over {
		srv.leaveAccount(s)
		return why
	}
	return nil
}

// accountElsewhere returns how many sessions an account has in other processes, and asks
// them if the account has a limit.
func (srv *Server) accountElsewhere(ctx context.Context, name string, limited bool) int {
	if limited && srv.Recount != nil {
		if o, ok := srv.Recount(ctx); ok {
			return o.Accounts[name]
		}
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.elsewhere.Accounts[name]
}

// mostOf returns how many sessions the account of a session may have, 0 for any number,
// and the error that names this limit.
func (srv *Server) mostOf(s *session) (most int, why error) {
	most, why = s.policy.MaxSessions, errMaxSessionsPolicy
	if srv.SharedAddress {
		shared := count(srv.inForce().MaxSessionsPerAddress, DefaultMaxSessionsPerAddress)
		if most == 0 || shared <= most {
			return shared, errMaxSessionsOfUser
		}
	}
	return most, why
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
