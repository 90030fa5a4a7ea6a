package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/tls"
)

// policy is what holds for the account that is logged in.
type policy struct {
	driver.Policy
	off disabled // by Disabled, and by what was in force at the login; nil without a login
}

// keep has a session go by the settings in force until it logs out, so that an Update
// neither takes a command from it nor ends it.
func (p *policy) keep(now *inForce) {
	p.IdleTimeout = cmp.Or(p.IdleTimeout, now.IdleTimeout, DefaultIdleTimeout)
	maps.Copy(p.off, now.off)
}

// admit returns the policy of an account that a driver lets in, or an error that keeps
// the account out.
func admit(account *driver.Account, l *driver.Login) (policy, error) {
	if account == nil || account.FS == nil {
		return policy{}, errors.New("server: the driver returned neither files nor an error")
	}
	p, err := newPolicy(account.Policy)
	if err == nil {
		err = p.admits(l)
	}
	return p, err
}

// newPolicy returns the policy that a driver gave an account, or an error that says
// what is wrong with that policy.
func newPolicy(p driver.Policy) (policy, error) {
	if err := p.Validate(); err != nil {
		return policy{}, err
	}
	off, err := disable(p.Disabled)
	if err != nil {
		err = fmt.Errorf("server: Policy.Disabled: %w", err)
	}
	return policy{p, off}, err
}

// validateDriver asks a driver whether it is in order, and looks at what only the
// server can tell of its users' policies. Each error names the user.
func validateDriver(d driver.Driver, cfg *tls.Config) error {
	errs := []error{validate(d)}
	users, _ := d.(driver.Users)
	for _, name := range slices.Sorted(maps.Keys(users)) {
		p := users[name].Policy
		_, err := disable(p.Disabled)
		for _, err := range joined.Errors(err) {
			errs = append(errs, fmt.Errorf("user %q: Disabled: %w", name, err))
		}
		if err := certifiable(p, cfg); err != nil {
			errs = append(errs, fmt.Errorf("user %q: RequireCertificate: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// certifiable returns an error if a policy demands a certificate that the server never
// asks for, or never verifies (RFC 8446, section 4.3.2). With GetConfigForClient there
// is no error, because that may ask for a certificate by the name of the host.
func certifiable(p driver.Policy, cfg *tls.Config) error {
	switch {
	case !p.RequireCertificate:
		return nil
	case cfg == nil:
		return errors.New("it lets nobody in without TLS")
	case cfg.GetConfigForClient != nil,
		cfg.ClientAuth == tls.VerifyClientCertIfGiven, cfg.ClientAuth == tls.RequireAndVerifyClientCert:
		return nil
	}
	return fmt.Errorf("it lets nobody in while TLS.ClientAuth is %v: want tls.VerifyClientCertIfGiven, and ClientCAs", cfg.ClientAuth)
}

// admits returns an error if a policy refuses a login. If a certificate is missing, the
// error is that of a wrong password: the client may have guessed the password, and must
// not learn that it is right. If TLS is missing the error says so, since the client
// knows that the connection is in clear.
func (p *policy) admits(l *driver.Login) error {
	switch {
	case p.RequireTLS && !l.Secure:
		return &driver.Error{Code: 530, Text: "TLS is required for this user: send AUTH TLS first."}
	case p.RequireCertificate && l.Certificate == nil:
		return fmt.Errorf("server: the account's policy demands a client certificate that was verified (Policy.RequireCertificate), for which TLS.ClientAuth must ask: %w", driver.ErrLogin)
	}
	return nil
}

// startDir returns the directory that the session starts in.
func (s *session) startDir(ctx context.Context) string {
	name := s.policy.Dir
	if name == "" {
		return "."
	}
	if err := s.isDir(ctx, name); err != nil {
		s.log(slog.LevelWarn, "the start directory of the policy can't be used; the session starts in the root", "dir", printable(name), "err", loggable(err))
		return "."
	}
	return name
}

// idleTimeout returns how long the session may send no command.
func (s *session) idleTimeout() time.Duration {
	return duration(s.policy.IdleTimeout, s.srv.idleTimeout())
}

// reuseDemanded returns how data connections have to prove whose they are. Any
// goroutine may call it.
func (s *session) reuseDemanded() tls.Reuse {
	if s.mustResume.Load() {
		return tls.Require
	}
	return s.srv.SessionReuse
}

// clearData reports whether data connections may be in clear.
func (s *session) clearData() bool { return s.srv.InsecurePlaintext && !s.policy.RequirePrivate }
