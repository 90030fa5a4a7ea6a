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

// Client asks for signatures. The zero value waits for a socket. It is safe for concurrent use.
type Client struct {
	mu   sync.Mutex
	peer *channel.Peer
	next chan struct{} // closed when there is another peer; nil if nobody waits
}

// Use takes over a socket that Attach returned, in place of the one before.
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

// current returns the peer, and what is closed when there is another.
func (c *Client) current() (*channel.Peer, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.peer, c.next
}

// ask asks the signer, and the next one if the signer ends, for no longer than patience.
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

// Signer returns a crypto.Signer that has signatures made by the private key of a public one, for handshakes of TLS.
func (c *Client) Signer(public crypto.PublicKey) (crypto.Signer, error) {
	name, err := id(public)
	if err != nil {
		return nil, err
	}
	return &remote{c, name, public}, nil
}

// remote is a key of another process.
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
