package main

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync"
)

// loginsAtOnce bounds the logins at once, since a server's backlog may be
// short.
const loginsAtOnce = 8

// logins opens n sessions, or none if one fails.
func (d *dialer) logins(ctx context.Context, n int) ([]*client, error) {
	clients := make([]*client, n)
	err := together(n, loginsAtOnce, func(i int) (err error) {
		clients[i], err = d.login(ctx)
		return err
	})
	if err != nil {
		hangUp(clients)
		return nil, err
	}
	return clients, nil
}

// admitted opens as many of n sessions as the server admits; nil stands for
// the others. A server that is full is no error, even if it admits none.
func (d *dialer) admitted(ctx context.Context, n int) ([]*client, error) {
	clients, errs := make([]*client, n), make([]error, n)
	_ = together(n, loginsAtOnce, func(i int) error {
		clients[i], errs[i] = d.login(ctx)
		return nil
	})
	if i := slices.IndexFunc(errs, func(err error) bool { return err == nil || full(err) }); i < 0 && n > 0 {
		return nil, errs[0]
	}
	return clients, nil
}

// full reports whether err is a reply of 421: the server takes no more
// sessions now.
func full(err error) bool {
	r, ok := errors.AsType[*refusal](err)
	return ok && r.reply.Code == 421
}

// hangUp closes sessions, and skips nil.
func hangUp(clients []*client) {
	for _, c := range clients {
		if c != nil {
			c.close()
		}
	}
}

// resumption sets resumed: the share of the data connections that have
// resumed TLS.
func (s sample) resumption(clients ...*client) {
	var data, again int
	for _, c := range clients {
		if c != nil {
			data, again = data+c.data, again+c.resumed
		}
	}
	if data > 0 {
		s[resumed] = float64(again) / float64(data)
	}
}

// ticket is a client's session cache: it keeps the newest ticket of its
// session. Unlike crypto/tls's cache it keeps the ticket after a failed
// handshake, so that one data connection that was cut doesn't cost the next
// one its proof.
type ticket struct {
	mu    sync.Mutex
	state *tls.ClientSessionState
}

// Get returns the ticket for any key.
func (t *ticket) Get(string) (*tls.ClientSessionState, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state, t.state != nil
}

// Put keeps a new ticket. It ignores nil, by which crypto/tls would drop the
// ticket.
func (t *ticket) Put(_ string, state *tls.ClientSessionState) {
	if state == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = state
}
