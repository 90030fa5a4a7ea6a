package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/loginwait"
	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/internal/wire"
)

// chain is a driver whose users come from several sources, which it asks in order until one knows the name. If a source
// is down, the session ends with 421 and no further source is asked: a user of the source that is down must not be
// taken for another source's user of that name, and a password that was revoked there must not count again.
type chain struct {
	settings *settings
	open     opener // opens the files of a login; nil if others do so
	log      *slog.Logger
	local    *localUsers
	sources  []userSource // local comes first

	mu   sync.Mutex
	told map[string]*loglimit.Share // limits lines of the log, by message and source
}

// Login implements driver.Driver.
func (c *chain) Login(ctx context.Context, l *driver.Login) (*driver.Account, error) {
	a, err := c.admit(ctx, l)
	if err != nil {
		return nil, err
	}
	files, err := c.open(ctx, a, c.settings.place(a))
	if err != nil {
		return nil, err
	}
	return &driver.Account{FS: files, Policy: a.policy(), Owner: a.Owner, Value: a.loggedIn().value(l)}, nil
}

// admit asks the sources and returns the account of a login, after the delay of the options.
func (c *chain) admit(ctx context.Context, l *driver.Login) (*account, error) {
	a, err := c.decide(ctx, l)
	delay := c.settings.loginDelay
	if errors.Is(err, driver.ErrLogin) {
		delay = c.settings.failedLoginDelay
	}
	if delay == 0 || err != nil && !errors.Is(err, driver.ErrLogin) {
		return a, err
	}
	loginwait.Tell(ctx)
	wait := time.NewTimer(delay)
	defer wait.Stop()
	select {
	case <-wait.C:
		return a, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// decide asks the sources and returns the account of a login.
func (c *chain) decide(ctx context.Context, l *driver.Login) (*account, error) {
	at := newAttempt(l)
	sources, unknown := c.sources, "nobody has the name"
	if why := c.settings.unlisted(l.User); why != "" {
		sources, unknown = nil, why // the name counts as one that nobody has
	}
	for _, s := range sources {
		a, v, err := s.ask(ctx, at)
		var because *refusal
		switch {
		case errors.As(err, &because):
			return nil, fmt.Errorf("%s refuses %w", s.name(), because.why)
		case err != nil && ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			return nil, c.down(s, l, err)
		case v == refused:
			return nil, fmt.Errorf("%s refuses: %w", s.name(), driver.ErrLogin)
		case v == accepted:
			return a, a.refuses(l, time.Now())
		}
	}
	if at.Half {
		return nil, driver.ErrNeedPassword
	}
	// Takes as long as for a known name: the time must not tell that nobody has the name.
	if err := c.local.pretend(ctx, at.Password); ctx.Err() != nil {
		return nil, ctx.Err()
	} else if err != nil {
		return nil, c.down(c.local, l, err)
	}
	return nil, fmt.Errorf("%s: %w", unknown, driver.ErrLogin)
}

// down logs that a source can't tell, and returns the error that the client gets.
func (c *chain) down(s userSource, l *driver.Login, err error) error {
	c.often(slog.LevelError, "a source of users is down", s.name(), "session", l.Session, "user", wire.Printable(l.User), "err", wire.Printable(err.Error()))
	return &driver.Error{Code: 421, Text: "Logins can't be checked just now; try again later."}
}

// often logs a line about a source. Each message may be logged a few times a minute for each source.
func (c *chain) often(level slog.Level, msg, source string, args ...any) {
	kind := msg + " " + source
	c.mu.Lock()
	if c.told[kind] == nil {
		c.told[kind] = &loglimit.Share{}
	}
	ok, dropped := c.told[kind].Allow()
	c.mu.Unlock()
	if !ok {
		return
	}
	args = append([]any{"source", source}, args...)
	if dropped > 0 {
		args = append(args, "unreported", dropped)
	}
	c.log.Log(context.Background(), level, msg, args...)
}
