package main

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
)

// logins are the users that may log in now.
type logins struct{ now atomic.Pointer[directory] }

// directory is what the keeper knows of users.
type directory struct {
	*settings
	accounts map[string]account
	decoy    string // the hash that the passwords of unknown users are compared with
}

// use has logins to come judged by settings. Without any user there is the one made for this run.
func (l *logins) use(s *settings, password string) error {
	d := &directory{settings: s, accounts: s.everybody()}
	if len(d.accounts) == 0 {
		hash, err := driver.HashToken(password)
		if err != nil {
			return err
		}
		d.accounts[demoUser] = account{Password: hash}
	}
	d.decoy = dearest(d.accounts)
	l.now.Store(d)
	return nil
}

// dearest returns the hash that takes longest to compare, so that the time of a refusal doesn't tell who is known.
func dearest(all map[string]account) (hash string) {
	most := -1
	for _, name := range slices.Sorted(maps.Keys(all)) {
		cost, err := bcrypt.Cost([]byte(all[name].Password))
		if err != nil {
			cost = 0 // a token
		}
		if cost > most {
			hash, most = all[name].Password, cost
		}
	}
	return hash
}

// question is a login as the engine tells of it.
type question struct {
	user, password string
	peer           string
	certificate    bool // the client has shown one, which the engine has verified
	commonName     string
}

func (a *question) write(w *channel.Writer) {
	w.String(a.user)
	w.String(a.password)
	w.String(a.peer)
	w.Bool(a.certificate)
	w.String(a.commonName)
}

func (a *question) read(r *channel.Reader) error {
	*a = question{r.String(), r.String(), r.String(), r.Bool(), r.String()}
	return r.End()
}

// login returns what is known of a login.
func (a *question) login() (*driver.Login, error) {
	l := &driver.Login{User: a.user, Password: a.password}
	if a.peer != "" {
		var err error
		if l.Peer, err = netip.ParseAddrPort(a.peer); err != nil {
			return nil, channel.ErrMessage
		}
	}
	if a.certificate {
		l.Certificate = &x509.Certificate{Subject: pkix.Name{CommonName: a.commonName}}
	}
	return l, nil
}

// errTryAgain is for clients when a part that is needed is not there.
func errTryAgain(err error) error {
	return &driver.Error{Code: 421, Text: "Logins are not possible at the moment. Try again.", Err: err}
}

// login judges a login and answers what it opens.
func (k *keeper) login(c *channel.Call, w *channel.Writer) error {
	var asked question
	if err := asked.read(c.Reader); err != nil {
		return err
	}
	l, err := asked.login()
	if err != nil {
		return err
	}
	now := k.users.now.Load()
	a, err := k.admit(c.Ctx, now, l)
	if err != nil {
		return err
	}
	at := now.place(a)
	h, err := k.hands.login(c.Ctx, at, now.systemUsers[at.as])
	if err != nil {
		return fmt.Errorf("the home of the user can't be used: %w", err)
	}
	text, err := json.Marshal(granted{
		Hand: h.id, Policy: a.policy(), Hidden: a.Hidden, ReadOnly: a.ReadOnly, Quota: at.quota.bytes, Limited: at.quota.set,
	})
	w.String(string(text))
	return err
}

// admit returns the account that a login is for, if it is right.
func (k *keeper) admit(ctx context.Context, now *directory, l *driver.Login) (*account, error) {
	a, known := now.accounts[l.User]
	switch {
	case l.Password == "" && l.Certificate != nil:
		return nil, driver.ErrNeedPassword
	case l.Password == "":
		return nil, driver.ErrLogin
	}
	hash := now.decoy
	if known {
		hash = a.Password
	}
	right, err := k.compare(ctx, hash, l.Password)
	if err != nil {
		return nil, err
	}
	if !known || !right {
		return nil, driver.ErrLogin
	}
	if err := a.refuses(l, time.Now()); err != nil {
		return nil, err
	}
	return &a, nil
}

// compare has the clerk compare a password with a hash.
func (k *keeper) compare(ctx context.Context, hash, password string) (right bool, err error) {
	p := k.part(partClerk)
	if p == nil {
		return false, errTryAgain(channel.ErrGone)
	}
	err = p.Ask(ctx, loginPatience, tellCheck, func(w *channel.Writer) { w.String(hash); w.String(password) }, nil,
		func(r *channel.Reader, _ *os.File) error { right = r.Bool(); return nil })
	if errors.Is(err, channel.ErrGone) || errors.Is(err, channel.ErrStuck) || errors.Is(err, channel.ErrTooMany) {
		err = errTryAgain(err)
	}
	return right, err
}
