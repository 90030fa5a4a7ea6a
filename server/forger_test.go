package server_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	stdtls "crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"slices"
)

// forgery is a client of TLS 1.3 that shows tickets without knowing their secrets. It shows them in
// ways that make a server pass over them and shake hands in full, for which crypto/tls has no
// client. It checks nothing of the server.
type forgery struct {
	suite   uint16
	modes   []byte   // psk_key_exchange_modes
	tickets [][]byte // the identities of pre_shared_key
}

const (
	pskKE    = 0
	pskDHEKE = 1
)

// shake does the handshake and returns the data that the server sends after it.
func (f forgery) shake(conn net.Conn) (io.Reader, error) {
	c := &forger{conn: conn, hash: sha256.New, keyLen: 16}
	if f.suite == stdtls.TLS_AES_256_GCM_SHA384 {
		c.hash, c.keyLen = sha512.New384, 32
	}
	curve, _, _ := forgerGroup()
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	c.said = f.hello(key, c.hash().Size())
	if _, err := conn.Write(append([]byte{22, 3, 1, byte(len(c.said) >> 8), byte(len(c.said))}, c.said...)); err != nil {
		return nil, err
	}
	theirs, err := c.serverHello()
	if err != nil {
		return nil, err
	}
	shared, err := key.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	return c.finish(shared)
}

// forgerGroup returns a curve that the server knows, the number of the curve, and the size of its
// shares. FIPS knows no X25519.
func forgerGroup() (curve ecdh.Curve, group byte, size int) {
	if fips140.Enabled() {
		return ecdh.P256(), 23, 65
	}
	return ecdh.X25519(), 29, 32
}

// hello makes a ClientHello (RFC 8446, section 4.1.2).
func (f forgery) hello(key *ecdh.PrivateKey, binder int) []byte {
	random := make([]byte, 32)
	rand.Read(random)
	_, group, _ := forgerGroup()
	share := append([]byte{0, group}, sized(2, key.PublicKey().Bytes())...)
	exts := slices.Concat(
		extension(43, []byte{2, 3, 4}),                // supported_versions
		extension(10, []byte{0, 2, 0, group}),         // supported_groups
		extension(51, sized(2, share)),                // key_share
		extension(13, []byte{0, 6, 4, 3, 8, 4, 8, 7}), // signature_algorithms
		extension(45, append([]byte{byte(len(f.modes))}, f.modes...)),
	)
	if len(f.tickets) > 0 {
		var ids, binders []byte
		for _, ticket := range f.tickets {
			ids = append(append(ids, sized(2, ticket)...), 0, 0, 0, 0)
			binders = append(binders, sized(1, make([]byte, binder))...)
		}
		exts = append(exts, extension(41, append(sized(2, ids), sized(2, binders)...))...)
	}
	body := slices.Concat([]byte{3, 3}, random, []byte{0, 0, 2, byte(f.suite >> 8), byte(f.suite), 1, 0}, sized(2, exts))
	return append([]byte{1}, sized(3, body)...)
}

// sized puts the length of p before it, as a number of n bytes.
func sized(n int, p []byte) []byte {
	size := binary.BigEndian.AppendUint32(nil, uint32(len(p)))
	return append(size[4-n:], p...)
}

func extension(kind byte, data []byte) []byte { return append([]byte{0, kind}, sized(2, data)...) }

// forger is a connection of a forgery.
type forger struct {
	conn   net.Conn
	hash   func() hash.Hash
	keyLen int
	said   []byte // all handshake messages
	read   *sealed
	rest   []byte // data that were received
}

// sealed protects the records of one direction (RFC 8446, section 5.2).
type sealed struct {
	aead cipher.AEAD
	iv   []byte
	n    uint64
}

func (s *sealed) nonce() []byte {
	nonce := bytes.Clone(s.iv)
	for i := range 8 {
		nonce[len(nonce)-1-i] ^= byte(s.n >> (8 * i))
	}
	s.n++
	return nonce
}

func (c *forger) label(secret []byte, label string, context []byte, n int) []byte {
	info := append(binary.BigEndian.AppendUint16(nil, uint16(n)), sized(1, []byte("tls13 "+label))...)
	out, _ := hkdf.Expand(c.hash, secret, string(append(info, sized(1, context)...)), n)
	return out
}

func (c *forger) sum(p []byte) []byte {
	h := c.hash()
	h.Write(p)
	return h.Sum(nil)
}

func (c *forger) keys(secret []byte) *sealed {
	block, _ := aes.NewCipher(c.label(secret, "key", nil, c.keyLen))
	aead, _ := cipher.NewGCM(block)
	return &sealed{aead: aead, iv: c.label(secret, "iv", nil, 12)}
}

// record reads a record and opens it. It opens no change_cipher_spec, which means nothing.
func (c *forger) record() (kind byte, body []byte, err error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(c.conn, head); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint16(head[3:]))
	switch _, err := io.ReadFull(c.conn, body); {
	case err != nil || c.read == nil:
		return head[0], body, err
	case head[0] == 20:
		return c.record()
	}
	body, err = c.read.aead.Open(nil, c.read.nonce(), body, head)
	if err != nil {
		return 0, nil, err
	}
	body = bytes.TrimRight(body, "\x00")
	return body[len(body)-1], body[:len(body)-1], nil
}

var errNotTold = errors.New("the server sends something else")

// serverHello reads ServerHello and returns the server's share. A server that resumes is not asked
// for anything more.
func (c *forger) serverHello() (*ecdh.PublicKey, error) {
	kind, body, err := c.record()
	if err != nil || kind != 22 || body[0] != 2 {
		return nil, fmt.Errorf("%w: %d %v %v", errNotTold, kind, body, err)
	}
	c.said = append(c.said, body...)
	curve, group, size := forgerGroup()
	i := bytes.Index(body, []byte{0, 51, 0, byte(4 + size), 0, group, 0, byte(size)})
	if i < 0 {
		return nil, errNotTold
	}
	return curve.NewPublicKey(body[i+8:][:size])
}

// finish goes on after ServerHello.
func (c *forger) finish(shared []byte) (io.Reader, error) {
	size := c.hash().Size()
	zero, empty := make([]byte, size), c.sum(nil)
	early, _ := hkdf.Extract(c.hash, zero, nil)
	secret, _ := hkdf.Extract(c.hash, shared, c.label(early, "derived", empty, size))
	hello := c.sum(c.said)
	ours := c.label(secret, "c hs traffic", hello, size)
	c.read = c.keys(c.label(secret, "s hs traffic", hello, size))
	for finished := false; !finished; {
		kind, body, err := c.record()
		if err != nil || kind != 22 {
			return nil, fmt.Errorf("%w: %d %v %v", errNotTold, kind, body, err)
		}
		c.said = append(c.said, body...)
		for len(body) >= 4 {
			finished = body[0] == 20
			body = body[4+int(body[1])<<16+int(body[2])<<8+int(body[3]):]
		}
	}
	mac := hmac.New(c.hash, c.label(ours, "finished", nil, size))
	mac.Write(c.sum(c.said))
	message := append([]byte{20, 0, 0, byte(size)}, mac.Sum(nil)...)
	write, head := c.keys(ours), []byte{23, 3, 3, 0, byte(len(message) + 1 + 16)}
	if _, err := c.conn.Write(append(head, write.aead.Seal(nil, write.nonce(), append(message, 22), head)...)); err != nil {
		return nil, err
	}
	master, _ := hkdf.Extract(c.hash, zero, c.label(secret, "derived", empty, size))
	c.read = c.keys(c.label(master, "s ap traffic", c.sum(c.said), size))
	return c, nil
}

// Read reads data. An alert of any kind is the end.
func (c *forger) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		switch kind, body, err := c.record(); {
		case err != nil:
			return 0, err
		case kind == 23:
			c.rest = body
		case kind == 21:
			return 0, io.EOF
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}
