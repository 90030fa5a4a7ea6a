//go:build linux

package signer

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// Operations of the signer.
const (
	opKey    = channel.FirstOp + iota // take a private key
	opAttach                          // sign for the other end of a socket
	opSign
)

// kept is how many keys are kept: handshakes that began before a renewal still need the earlier
// key.
const kept = 2

// patience bounds how long a call may take.
const patience = 10 * time.Second

// errUnknown means that the signer doesn't have the key.
var errUnknown = errors.New("signer: there is no such key")

// id returns the name of a key, made from its public half.
func id(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return string(sum[:]), nil
}

// Signer holds the keys and signs with them.
type Signer struct {
	places chan struct{} // bounds the signatures that are made at once

	mu   sync.Mutex
	keys []key // the newest last
}

type key struct {
	id string
	crypto.Signer
}

// New returns a Signer without keys.
func New() *Signer { return &Signer{places: make(chan struct{}, runtime.NumCPU())} }

// Answer answers the keeper, which passes keys and sockets.
func (s *Signer) Answer(c *channel.Call, _ *channel.Writer) (*os.File, error) {
	switch c.Op {
	case opKey:
		return nil, s.add([]byte(c.String()))
	case opAttach:
		f := c.File
		c.File = nil
		if f == nil {
			return nil, channel.ErrMessage
		}
		_, err := channel.NewPeer(f, channel.RegularFiles, s.sign) // ends when the other end of f is closed
		return nil, err
	}
	return nil, errors.ErrUnsupported
}

// add adds a private key in PKCS #8.
func (s *Signer) add(der []byte) error {
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return errors.New("signer: this is no private key") // leaves out err, which might reveal some of the key
	}
	signs, ok := private.(crypto.Signer)
	if !ok {
		return fmt.Errorf("signer: a %T can't sign", private)
	}
	name, err := id(signs.Public())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = slices.DeleteFunc(s.keys, func(k key) bool { return k.id == name })
	s.keys = append(s.keys, key{name, signs})
	if len(s.keys) > kept {
		s.keys = s.keys[1:]
	}
	return nil
}

// find returns the key of a name, nil if there is none.
func (s *Signer) find(name string) crypto.Signer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if k.id == name {
			return k.Signer
		}
	}
	return nil
}

// sign answers a request for a signature.
func (s *Signer) sign(c *channel.Call, w *channel.Writer) (*os.File, error) {
	name, digest, opts := c.String(), []byte(c.String()), readOptions(c.Reader)
	if err := c.End(); err != nil {
		return nil, err
	}
	if c.Op != opSign {
		return nil, errors.ErrUnsupported
	}
	k := s.find(name)
	if k == nil {
		return nil, errUnknown
	}
	if err := Allowed(k.Public(), digest, opts); err != nil {
		return nil, err
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-c.Ctx.Done():
		return nil, c.Ctx.Err()
	}
	signature, err := k.Sign(rand.Reader, digest, opts)
	w.String(string(signature))
	return nil, err
}

func writeOptions(w *channel.Writer, opts crypto.SignerOpts) {
	w.Uint(uint64(opts.HashFunc()))
	pss, ok := opts.(*rsa.PSSOptions)
	w.Bool(ok)
	if ok {
		w.Int(int64(pss.SaltLength))
	}
}

func readOptions(r *channel.Reader) crypto.SignerOpts {
	hash := crypto.Hash(r.Uint())
	if r.Bool() {
		return &rsa.PSSOptions{Hash: hash, SaltLength: int(r.Int())}
	}
	return hash
}

// GiveKey passes a private key to the signer at the other end, which keeps the one before, too.
func GiveKey(ctx context.Context, p *channel.Peer, private crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return p.Ask(ctx, patience, opKey, func(w *channel.Writer) { w.String(string(der)) }, nil, nil)
}

// Attach has the signer at the other end sign for the holder of the socket that it returns.
func Attach(ctx context.Context, p *channel.Peer) (*os.File, error) {
	a, z, err := channel.Pair()
	if err != nil {
		return nil, err
	}
	defer z.Close()
	if err := p.Ask(ctx, patience, opAttach, nil, z, nil); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}
