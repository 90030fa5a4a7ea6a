//go:build linux

package signer

import (
	"context"
	"crypto"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// Client asks another process for signatures. The zero value waits for Use. It is safe for concurrent use.
type Client struct {
	mu   sync.Mutex
	peer *channel.Peer
	next chan struct{} // is closed when peer changes; nil if nobody waits
}

// Use takes over a socket that Attach has returned, and replaces the one before.
func (c *Client) Use(f *os.File) error {
	peer, err := channel.NewPeer(f, channel.RegularFiles, nil)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.peer
	c.peer = peer
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
	if old != nil {
		go old.Close()
	}
	return nil
}

// current returns the peer, and a channel that is closed when another takes its place.
func (c *Client) current() (*channel.Peer, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.peer, c.next
}

// ask asks the signer, and the next one if the signer ends, for at most patience.
func (c *Client) ask(build func(w *channel.Writer), take func(r *channel.Reader, f *os.File) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		peer, next := c.current()
		err := channel.ErrGone
		if peer != nil {
			err = peer.Ask(ctx, patience, opSign, build, nil, take)
		}
		if !errors.Is(err, channel.ErrGone) {
			return err
		}
		select {
		case <-next:
		case <-ctx.Done():
			return channel.ErrGone
		}
	}
}

// Signer returns a crypto.Signer for handshakes of TLS. Its signatures are made by the private key of a public one.
func (c *Client) Signer(public crypto.PublicKey) (crypto.Signer, error) {
	name, err := id(public)
	if err != nil {
		return nil, err
	}
	return &remote{c, name, public}, nil
}

// remote is a key that another process has.
type remote struct {
	client *Client
	name   string
	public crypto.PublicKey
}

func (r *remote) Public() crypto.PublicKey { return r.public }

func (r *remote) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) (signature []byte, err error) {
	err = r.client.ask(func(w *channel.Writer) {
		w.String(r.name)
		w.String(string(digest))
		writeOptions(w, opts)
	}, func(a *channel.Reader, _ *os.File) error {
		signature = []byte(a.String())
		return nil
	})
	return signature, err
}
