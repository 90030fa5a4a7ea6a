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
	"github.com/sallyport/sallyport/internal/wire"
)

func (s *session) greeting() wire.Reply {
	text := s.srv.Greeting
	if text == "" {
		text = "FTP server ready."
	}
	return wire.Multi(220, strings.Split(text, "\n")...)
}

// USER <name>: RFC 959, section 4.1.1. A second USER starts over: the files of
// the first user are gone before the new password is asked for.
func (s *session) cmdUser(ctx context.Context, arg string) (wire.Reply, error) {
	s.forget()
	if cert := s.certificate(); cert != nil {
		// RFC 4217, section 5: a certificate may be all that is needed.
		if err := s.login(ctx, arg, "", cert); err == nil {
			return ok(232, "User logged in, authorized by certificate.")
		}
	}
	s.claimed = arg
	return ok(331, "Password required.")
}

// PASS <password>. An unknown user and a wrong password get the same answer
// after the same delay (CVE-2004-1602).
func (s *session) cmdPass(ctx context.Context, arg string) (wire.Reply, error) {
	switch {
	case s.loggedIn:
		return ok(230, "Already logged in.")
	case s.claimed == "":
		return ok(503, "Send USER first.")
	}
	user := s.claimed
	s.claimed = ""
	err := s.login(ctx, user, arg, s.certificate())
	if err == nil {
		return ok(230, "Logged in.")
	}
	s.fails++
	s.sleep(s.srv.failures.add(s.peer.Addr(), time.Now()))
	if s.fails >= count(s.srv.MaxLoginFailures, DefaultMaxLoginFailures) {
		s.ending = errLoginFails
		return ok(421, "Too many failed logins; closing the control connection.")
	}
	return ok(530, "Login incorrect.")
}

// login asks the driver. Its error is for the log and the hook; the client
// learns only that there was one.
func (s *session) login(ctx context.Context, user, password string, cert *x509.Certificate) error {
	var (
		account *driver.Account
		err     = driver.ErrLogin
	)
	if s.srv.Driver != nil {
		account, err = s.srv.Driver.Login(ctx, &driver.Login{
			User: user, Password: password, Certificate: cert,
			Peer: s.peer, Local: s.local, Host: s.host, Secure: s.secured,
		})
	}
	if err == nil && (account == nil || account.FS == nil) {
		err = errors.New("server: the driver returned neither files nor an error")
	}
	if err == nil {
		s.files, s.owner = account.FS, ownerName(account, s.host, user, s.peer.Addr())
		s.mu.Lock()
		s.user, s.loggedIn = user, true
		s.mu.Unlock()
		if s.bind != nil {
			s.bind.SetOwner(s.owner)
		}
	}
	if password != "" || err == nil || cert == nil {
		s.hookLogin(user, err) // a certificate that needs a password as well is no failure yet
	}
	return err
}

// ownerName returns the name of an account as its client's program sees it: a program
// with several sessions may keep their TLS tickets in one place and offer any of
// them on any data connection. The name holds all that decided the login, quoted,
// so that no two accounts share one whatever bytes their names are made of.
func ownerName(account *driver.Account, host, user string, client netip.Addr) string {
	if account.Owner != "" {
		return fmt.Sprintf("account %q at %s", account.Owner, client)
	}
	return fmt.Sprintf("user %q of %q at %s", user, strings.ToLower(host), client)
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

// certificate is the client's certificate if it was verified.
func (s *session) certificate() *x509.Certificate {
	if s.tls == nil {
		return nil
	}
	cs := s.tls.ConnectionState()
	if len(cs.VerifiedChains) == 0 {
		return nil
	}
	return cs.PeerCertificates[0]
}

// ACCT <account>: nothing here needs one.
func (s *session) cmdAcct(context.Context, string) (wire.Reply, error) {
	if !s.loggedIn {
		return ok(503, "Log in with USER and PASS first.")
	}
	return ok(202, "No account needed.")
}

// HOST <name>: RFC 7151. It must come before USER.
func (s *session) cmdHost(_ context.Context, arg string) (wire.Reply, error) {
	name := strings.ToLower(strings.Trim(arg, "[]"))
	switch {
	case s.loggedIn || s.claimed != "":
		return ok(503, "HOST must come before USER.")
	case name == "" || strings.ContainsAny(name, " /\\"):
		return ok(501, "HOST needs a host name.")
	case s.srv.Host != nil && !s.srv.Host(name):
		return ok(504, "Unknown host name.")
	}
	s.host = name
	return ok(220, "Host accepted.")
}

// REIN: RFC 959, section 4.1.1. The TLS protection of the control connection
// stays (RFC 4217, section 11).
func (s *session) cmdRein(context.Context, string) (wire.Reply, error) {
	if s.cleared {
		return ok(533, "No login after CCC; connect again.")
	}
	s.reset()
	s.host = ""
	return ok(220, "Ready for a new user.")
}

// QUIT: during a transfer it takes effect after the transfer (RFC 959, section
// 4.1.1).
func (s *session) cmdQuit(context.Context, string) (wire.Reply, error) {
	s.ending = errQuit
	return ok(221, "Goodbye.")
}
