package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

const (
	// ticketsEvery is how often the key changes that seals TLS session tickets, as crypto/tls does it for one server.
	ticketsEvery = 24 * time.Hour
	// mostTicketKeys bounds the keys: one seals, one will do so next, and the tickets of the others are still opened,
	// for a week, after which no client shows them (RFC 8446, section 4.6.1).
	mostTicketKeys = 9
)

// ticketKeys are the keys of TLS session tickets, which all engines share: a client that has connections to several
// engines may show any of its tickets to any of them. The keys go to engines in messages of the keeper's sockets alone,
// and to the next program with the rest of the handover, in memory without a name. Methods may be called concurrently.
type ticketKeys struct {
	mu      sync.Mutex
	keys    [][32]byte // the first seals; the second will, and is known to all engines before
	renewed time.Time
}

func newTicketKey() (key [32]byte) {
	rand.Read(key[:]) // never fails: crypto/rand
	return key
}

// begin makes the first keys, unless an earlier program has left some.
func (t *ticketKeys) begin(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.keys) == 0 {
		t.keys, t.renewed = [][32]byte{newTicketKey(), newTicketKey()}, now
	}
}

// renew changes the keys if it is time to, and reports whether it has.
func (t *ticketKeys) renew(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if since := now.Sub(t.renewed); since >= 0 && since < ticketsEvery {
		return false // since is negative after the clock was set back
	}
	old, next := t.keys[0], t.keys[1]
	t.keys = slices.Concat([][32]byte{next, newTicketKey(), old}, t.keys[2:min(len(t.keys), mostTicketKeys-1)])
	t.renewed = now
	return true
}

// leave returns the keys for the next program.
func (t *ticketKeys) leave() (keys [][]byte, renewed time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range t.keys {
		keys = append(keys, key[:])
	}
	return keys, t.renewed
}

// adopt takes the keys over that an earlier program has left. Programs of before left none.
func (t *ticketKeys) adopt(keys [][]byte, renewed time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(keys) < 2 || len(keys) > mostTicketKeys || slices.ContainsFunc(keys, func(key []byte) bool { return len(key) != 32 }) {
		return
	}
	t.keys, t.renewed = nil, renewed
	for _, key := range keys {
		t.keys = append(t.keys, [32]byte(key))
	}
}

// write writes the keys to a message.
func (t *ticketKeys) write(w *channel.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w.Uint(uint64(len(t.keys)))
	for _, key := range t.keys {
		w.String(string(key[:]))
	}
}

// readTicketKeys reads the keys from a message.
func readTicketKeys(r *channel.Reader) (keys [][32]byte, err error) {
	for range min(r.Uint(), mostTicketKeys) {
		key := r.String()
		if len(key) != 32 {
			return nil, channel.ErrMessage
		}
		keys = append(keys, [32]byte([]byte(key)))
	}
	return keys, r.Mistake()
}

// renewTicketKeys changes the keys daily and tells the engines, until ctx ends.
func (k *keeper) renewTicketKeys(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.tellTicketKeys(ctx, time.Now())
		}
	}
}

// tellTicketKeys changes the keys if it is time to, and tells all engines.
func (k *keeper) tellTicketKeys(ctx context.Context, now time.Time) {
	k.quiet.RLock()
	defer k.quiet.RUnlock()
	if !k.tickets.renew(now) {
		return
	}
	for _, e := range k.allEngines() {
		err := e.Ask(ctx, usualPatience, tellTicketKeys, k.tickets.write, nil, nil)
		if err != nil && !errors.Is(err, channel.ErrGone) && ctx.Err() == nil {
			k.log.Warn("an engine keeps the ticket keys of before", "pid", e.PID, "err", err)
		}
	}
}

// fetchTicketKeys gets the keys of TLS session tickets from the keeper.
func (e *engine) fetchTicketKeys() error {
	var keys [][32]byte
	err := e.keeper.Ask(context.Background(), usualPatience, askTicketKeys, nil, nil, func(r *channel.Reader, _ *os.File) (err error) {
		keys, err = readTicketKeys(r)
		return err
	})
	if err != nil {
		return err
	}
	return e.srv.SetTicketKeys(keys)
}
