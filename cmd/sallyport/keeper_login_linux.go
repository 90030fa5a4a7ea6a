package main

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/loginwait"
)

// logins holds the chain that judges logins now.
type logins struct{ now atomic.Pointer[chain] }

// judges returns the chain that judges logins by settings.
func (k *keeper) judges(s *settings) (*chain, error) {
	return s.chain(labour{k.compare, k.post, k.judgeLogin, loginByPAM, k.run}, k.password, k.log)
}

// question is a login as the engine passes it to the keeper.
type question struct {
	session        string // the ID that the log has
	user, password string
	peer, local    string
	host           string
	secure         bool
	certificate    bool // the client has shown one, which the engine has verified
	commonName     string
}

// asked returns the question about a login.
func asked(l *driver.Login) question {
	q := question{session: l.Session, user: l.User, password: l.Password, host: l.Host, secure: l.Secure, certificate: l.Certificate != nil}
	if l.Peer.IsValid() {
		q.peer = l.Peer.String()
	}
	if l.Local.IsValid() {
		q.local = l.Local.String()
	}
	if l.Certificate != nil {
		q.commonName = l.Certificate.Subject.CommonName
	}
	return q
}

func (a *question) write(w *channel.Writer) {
	for _, text := range []string{a.session, a.user, a.password, a.peer, a.local, a.host, a.commonName} {
		w.String(text)
	}
	w.Bool(a.secure)
	w.Bool(a.certificate)
}

func (a *question) read(r *channel.Reader) error {
	for _, to := range []*string{&a.session, &a.user, &a.password, &a.peer, &a.local, &a.host, &a.commonName} {
		*to = r.String()
	}
	a.secure, a.certificate = r.Bool(), r.Bool()
	return r.End()
}

// login returns the login that the question is about.
func (a *question) login() (*driver.Login, error) {
	l := &driver.Login{Session: a.session, User: a.user, Password: a.password, Host: a.host, Secure: a.secure}
	for _, at := range []struct {
		text string
		to   *netip.AddrPort
	}{{a.peer, &l.Peer}, {a.local, &l.Local}} {
		if at.text == "" {
			continue
		}
		var err error
		if *at.to, err = netip.ParseAddrPort(at.text); err != nil {
			return nil, channel.ErrMessage
		}
	}
	if a.certificate {
		l.Certificate = &x509.Certificate{Subject: pkix.Name{CommonName: a.commonName}}
	}
	return l, nil
}

// login judges a login and answers with the hand and the account of the session.
func (k *keeper) login(e *engineProcess, c *channel.Call, w *channel.Writer) error {
	var asked question
	if err := asked.read(c.Reader); err != nil {
		return err
	}
	l, err := asked.login()
	if err != nil {
		return err
	}
	now := k.users.now.Load()
	a, err := now.admit(loginwait.With(c.Ctx, func() { go e.waits(l.Session) }), l)
	if err != nil {
		return err
	}
	at, buckets := now.settings.place(a).apart()
	as, err := now.settings.rightsOf(a, at)
	if err != nil {
		return fmt.Errorf("the files of user %q can't be touched: %w", l.User, err)
	}
	g := granted{
		Roots: at.roots(), Owner: a.Owner, Policy: a.policy(), fileRights: a.fileRights(), Quota: at.quota.bytes, Limited: at.quota.set,
		LoggedIn: a.loggedIn(),
	}
	err = e.grant(c.Ctx, &g, at, as, buckets, now.settings.systemUsers[now.settings.runAs])
	var text []byte
	if err == nil {
		text, err = json.Marshal(g)
	}
	if err != nil {
		for _, id := range g.hands() {
			e.hands.logout(id)
		}
		return fmt.Errorf("the home of the user can't be used: %w", err)
	}
	w.String(string(text))
	return nil
}

// grant notes the hands of a login: that of the directories, with the rights of a user, and those of the buckets, which
// have the rights of another.
func (e *engineProcess) grant(ctx context.Context, g *granted, at place, as identity, buckets []bucketRoot, other identity) error {
	if len(g.Roots) > 0 {
		h, err := e.hands.login(ctx, at, as)
		if err != nil {
			return err
		}
		g.Hand = h.id
	}
	for _, b := range buckets {
		h, err := e.hands.login(ctx, b.place(), other)
		if err != nil {
			return fmt.Errorf("%s: %w", inWords(b.Name), err)
		}
		g.Buckets = append(g.Buckets, grantedBucket{h.id, b.Name, b.ReadOnly})
	}
	return nil
}

// hands returns the numbers of the hands of a login.
func (g *granted) hands() (all []uint64) {
	if g.Hand != 0 {
		all = append(all, g.Hand)
	}
	for _, b := range g.Buckets {
		all = append(all, b.Hand)
	}
	return all
}

// waits tells the engine that the login of a session waits, so that other logins
// may be judged meanwhile.
func (e *engineProcess) waits(session string) {
	e.Ask(context.Background(), usualPatience, tellWaits, func(w *channel.Writer) { w.String(session) }, nil, nil)
}

// compare has the clerk compare a password with a hash.
func (k *keeper) compare(ctx context.Context, hash, password string) (right bool, err error) {
	err = k.askClerk(ctx, tellCheck, func(w *channel.Writer) { w.String(hash); w.String(password) },
		func(r *channel.Reader, _ *os.File) error { right = r.Bool(); return nil })
	return right, err
}

// post has the clerk ask an HTTP endpoint.
func (k *keeper) post(ctx context.Context, url string, question []byte) (status int, said []byte, err error) {
	err = k.askClerk(ctx, tellPost, func(w *channel.Writer) { w.String(url); w.String(string(question)) },
		func(r *channel.Reader, _ *os.File) error {
			status, said = int(r.Uint()), []byte(r.String())
			return nil
		})
	return status, said, err
}

// askClerk asks the clerk. If the clerk ends meanwhile, the next one is asked once
// more.
func (k *keeper) askClerk(ctx context.Context, op byte, build func(w *channel.Writer), take func(*channel.Reader, *os.File) error) error {
	var p *part.Process
	for range 2 {
		if p = k.await(ctx, partClerk, p); p == nil {
			break
		}
		if err := p.Ask(ctx, loginPatience, op, build, nil, take); !errors.Is(err, channel.ErrGone) {
			return err
		}
	}
	return channel.ErrGone
}
