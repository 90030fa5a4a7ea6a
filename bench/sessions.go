package main

import (
	"context"
	"crypto/tls"
	"sync"
)

// loginsAtOnce bounds the logins under way: a server's backlog may be short.
const loginsAtOnce = 8

// logins opens n sessions. On an error there is none.
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

// hangUp closes sessions. Nil is none.
func hangUp(clients []*client) {
	for _, c := range clients {
		if c != nil {
			c.close()
		}
	}
}

// resumption adds the share of the data connections that resumed TLS.
func (s sample) resumption(clients ...*client) {
	var data, again int
	for _, c := range clients {
		data, again = data+c.data, again+c.resumed
	}
	if data > 0 {
		s[resumed] = float64(again) / float64(data)
	}
}

// ticket is what a client remembers of TLS: the newest ticket of its session.
// Unlike crypto/tls's cache it survives a handshake that fails, so that one
// data connection cut short does not cost the proof for the next.
type ticket struct {
	mu    sync.Mutex
	state *tls.ClientSessionState
}

// Get returns the ticket, whatever the key.
func (t *ticket) Get(string) (*tls.ClientSessionState, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state, t.state != nil
}

// Put keeps a new ticket. Nil is crypto/tls's way to drop one.
func (t *ticket) Put(_ string, state *tls.ClientSessionState) {
	if state == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state = state
}
