package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/loginwait"
	"github.com/sallyport/sallyport/internal/wire"
)

func (s *session) greeting() wire.Reply {
	text := s.srv.inForce().Greeting
	if text == "" {
		text = "FTP server ready."
	}
	return wire.Multi(220, strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")...)
}

// USER <name>: RFC 959, section 4.1.1. A second USER starts over: the files of
// the first user are gone before the new password is asked for.
func (s *session) cmdUser(ctx context.Context, arg string) (wire.Reply, error) {
	s.forget()
	s.certTurn = nil
	if s.failedTooOften() {
		return ok(421, tooManyFailures) // no password followed a refused certificate
	}
	if cert := s.certificate(); cert != nil {
		// RFC 4217, section 5: a certificate may be all that is needed.
		turn, err := s.login(&driver.Login{User: arg, Certificate: cert}, true)
		switch {
		case err == nil:
			return s.entered(ctx, 232, "User logged in, authorized by certificate.")
		case s.isEnding():
			return ok(421, notJudged(err))
		case errors.Is(err, driver.ErrLogin):
			s.certTurn = turn
			s.fails++
		case hasWords(err) && !errors.Is(err, driver.ErrNeedPassword):
			return loginRefused(err), nil
		}
	}
	if p, ok := s.srv.inForce().Driver.(driver.Passwordless); ok && p.NeedsNoPassword(arg) {
		return s.enter(ctx, &driver.Login{User: arg, Certificate: s.certificate()})
	}
	s.claimedUser = arg
	return ok(331, "Password required.")
}

// PASS <password>: RFC 959, section 4.1.1. An unknown user and a wrong password get the same answer
// after the same delay (CVE-2004-1602).
func (s *session) cmdPass(ctx context.Context, arg string) (wire.Reply, error) {
	switch {
	case s.loggedIn:
		return ok(230, "Already logged in.")
	case s.claimedUser == "":
		return ok(503, "Send USER first.")
	}
	user := s.claimedUser
	s.claimedUser = ""
	if s.certTurn != nil {
		// The certificate alone was too little. The certificate and its password are
		// one guess.
		s.srv.judge.forgive(s.certTurn)
		s.certTurn = nil
		s.fails--
	}
	return s.enter(ctx, &driver.Login{User: user, Password: arg, Certificate: s.certificate()})
}

// enter logs in, or counts the failure.
func (s *session) enter(ctx context.Context, l *driver.Login) (wire.Reply, error) {
	_, err := s.login(l, false)
	switch {
	case err == nil:
		return s.entered(ctx, 230, "Logged in.")
	case s.isEnding():
		return ok(421, notJudged(err))
	case errors.Is(err, driver.ErrLogin):
		s.fails++
	}
	if s.failedTooOften() {
		return ok(421, tooManyFailures)
	}
	return loginRefused(err), nil
}

const tooManyFailures = "Too many failed logins; closing the control connection."

// failedTooOften ends the session after MaxLoginFailures.
func (s *session) failedTooOften() bool {
	over := s.fails >= count(s.srv.inForce().MaxLoginFailures, DefaultMaxLoginFailures)
	if over {
		s.endWith(errLoginFails)
	}
	return over
}

// notJudged returns the text for a login that ended the session.
func notJudged(err error) string {
	if own, ok := closing(err); ok {
		return own.Text
	}
	var d *disconnection
	if errors.As(err, &d) {
		return d.text()
	}
	if errors.Is(err, ErrTooManySessions) {
		return "Too many sessions of this user; try again later."
	}
	if err == errServerClosing {
		return "The server is shutting down."
	}
	return "Too many logins at once; try again later."
}

// login waits for its turn and asks the driver. half says that a password may follow.
// The error is for the log and the hook; the client learns only that there was one. If
// the turn does not come, the session ends.
func (s *session) login(l *driver.Login, half bool) (*turn, error) {
	turn, err := s.lineUp(l.User)
	if err != nil {
		s.endWith(err)
		if err == errCrowded {
			s.hookLogin(l.User, err)
		}
		return nil, err
	}
	verdict := undecided // if the driver panics
	defer func() { s.srv.judge.leave(turn, verdict) }()

	err = s.ask(l, turn)
	if errors.Is(err, driver.ErrNeedPassword) {
		if half {
			return turn, err
		}
		err = notAPassword(err)
	}
	verdict = s.verdict(err)
	if _, ok := closing(err); ok {
		s.endWith(errClosing421)
	}
	s.hookLogin(l.User, err)
	return turn, err
}

// lineUp waits until the login may be judged, but no longer than LoginTimeout and the
// session last.
func (s *session) lineUp(user string) (*turn, error) {
	ctx, cancel := context.WithDeadlineCause(s.ctx, s.loginSince.Add(s.srv.loginTimeout()), errCrowded)
	defer cancel()
	return s.srv.judge.enter(ctx, entrant{s.network(), user, s.fails, s.srv.draining, s.setInLine})
}

// network returns the network of the client, for taking turns with other networks, or
// anyNetwork where addresses tell nobody apart.
func (s *session) network() netip.Prefix {
	if s.srv.SharedAddress {
		return anyNetwork
	}
	return network(s.peer.Addr())
}

// ask lets the driver decide, and logs the user in. The context of what the driver
// opens for the login ends at the logout.
func (s *session) ask(l *driver.Login, turn *turn) error {
	now := s.srv.inForce()
	decides := now.Driver
	if decides == nil {
		return driver.ErrLogin
	}
	l.Peer, l.Local, l.Host, l.Secure = s.peer, s.local, s.host, s.secured
	ctx, cancel := context.WithCancelCause(s.ctx)
	s.logout = cancel
	asked := *l // the driver's to change
	asked.Session = s.id
	account, err := decides.Login(loginwait.With(ctx, func() { s.srv.judge.drag(turn.guess) }), &asked)
	var allowed policy
	if err == nil {
		allowed, err = admit(account, l)
	}
	if err != nil {
		cancel(err)
		return err
	}
	allowed.keep(now)
	s.policy = allowed
	s.mustResume.Store(allowed.RequireReuse)
	s.owner = ownerName(account, s.host, l.User, s.peer.Addr())
	if err := s.srv.enterAccount(ctx, s, holder(account, l.User)); err != nil {
		cancel(err)
		s.endWith(err)
		return err
	}
	s.files = account.FS
	s.cwd = s.startDir(ctx)
	s.setLogin(l.User, true, account.Value)
	if s.ctl.bind != nil {
		s.ctl.bind.SetOwner(s.owner)
	}
	return nil
}

// ownerName returns the name of an account as its client's program sees it: a program
// with several sessions may keep their TLS tickets in one place and offer any of them
// on any data connection. The name holds all that decided the login, quoted, so that
// no two accounts have the same name, whatever bytes the parts are made of.
func ownerName(account *driver.Account, host, user string, client netip.Addr) string {
	if account.Owner != "" {
		return fmt.Sprintf("account %q at %s", account.Owner, client)
	}
	return fmt.Sprintf("user %q of %q at %s", user, host, client)
}

// sleep waits unless the session ends.
func (s *session) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	case <-s.srv.draining:
	}
}

// certificate returns the client's certificate if it was verified.
func (s *session) certificate() *x509.Certificate {
	if s.ctl.tls == nil {
		return nil
	}
	cs := s.ctl.tls.ConnectionState()
	if len(cs.VerifiedChains) == 0 {
		return nil
	}
	return cs.PeerCertificates[0]
}

// serverName returns the host that the client named by SNI, in lower case, because
// names are compared without regard to case (RFC 6066, section 3).
func (s *session) serverName() string {
	if s.ctl.tls == nil {
		return ""
	}
	return strings.ToLower(s.ctl.tls.ConnectionState().ServerName)
}

// ACCT <account>: nothing here needs one.
func (s *session) cmdAcct(context.Context, string) (wire.Reply, error) {
	if !s.loggedIn {
		return ok(503, "Log in with USER and PASS first.")
	}
	return ok(202, "No account needed.")
}

// HOST <name>: RFC 7151. HOST must come before USER.
func (s *session) cmdHost(_ context.Context, arg string) (wire.Reply, error) {
	name := strings.ToLower(strings.Trim(arg, "[]"))
	switch {
	case s.loggedIn || s.claimedUser != "":
		return ok(503, "HOST must come before USER.")
	case name == "" || strings.ContainsAny(name, " /\\"):
		return ok(501, "HOST needs a host name.")
	case !s.srv.answersFor(name):
		return ok(504, "Unknown host name.")
	}
	s.setHost(name)
	return ok(220, "Host accepted.")
}

// REIN: RFC 959, section 4.1.1. The TLS protection of the control connection stays
// (RFC 4217, section 11), and so does the host that the client named by SNI.
func (s *session) cmdRein(context.Context, string) (wire.Reply, error) {
	if s.ctl.cleared {
		return ok(533, "No login after CCC; connect again.")
	}
	s.reset()
	s.setHost(s.serverName())
	return ok(220, "Ready for a new user.")
}

// QUIT: RFC 959, section 4.1.1. During a transfer QUIT takes effect after the
// transfer.
func (s *session) cmdQuit(context.Context, string) (wire.Reply, error) {
	s.endWith(nil)
	return ok(221, "Goodbye.")
}
