package signer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
)

// context13 is what TLS 1.3 puts in front of the hash that a server signs (RFC 8446, section 4.4.3).
var context13 = append(bytes.Repeat([]byte{' '}, 64), "TLS 1.3, server CertificateVerify\x00"...)

// errRefused refuses to sign what no server signs in a handshake.
var errRefused = errors.New("signer: this is no part of a TLS handshake, and is not signed")

// Allowed returns nil if a key may sign, else why it may not. It allows digests of SHA-256, SHA-384 and SHA-512, for
// RSA by PSS with a salt as long as the digest or by PKCS #1 version 1.5. Ed25519 signs texts, not digests: Allowed
// allows those that the server signs in a handshake of TLS 1.3 or 1.2.
func Allowed(public crypto.PublicKey, digest []byte, opts crypto.SignerOpts) error {
	hash := opts.HashFunc()
	if _, ok := public.(ed25519.PublicKey); ok {
		if hash != 0 || !handshake13(digest) && !handshake12(digest) {
			return errRefused
		}
		return nil
	}
	switch hash {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
	default:
		return fmt.Errorf("%w: a digest of %v", errRefused, hash)
	}
	if len(digest) != hash.Size() {
		return fmt.Errorf("%w: %d bytes as a digest of %v", errRefused, len(digest), hash)
	}
	pss, salted := opts.(*rsa.PSSOptions)
	if salted && pss.SaltLength != rsa.PSSSaltLengthEqualsHash && pss.SaltLength != hash.Size() {
		return fmt.Errorf("%w: a salt of %d", errRefused, pss.SaltLength)
	}
	switch public.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
		return nil
	}
	return fmt.Errorf("signer: a key of type %T", public)
}

// handshake13 reports whether a text is what the server of TLS 1.3 signs: the context and the hash of the handshake.
func handshake13(text []byte) bool {
	sum, ok := bytes.CutPrefix(text, context13)
	return ok && (len(sum) == crypto.SHA256.Size() || len(sum) == crypto.SHA384.Size())
}

// handshake12 reports whether a text is what the server of TLS 1.2 signs: two random numbers of 32 bytes, the name of a
// curve and a point on it (RFC 8422, section 5.4).
func handshake12(text []byte) bool {
	const randoms, named = 64, 3
	if len(text) < randoms+4 {
		return false
	}
	params := text[randoms:]
	return params[0] == named && int(params[3]) == len(params)-4
}
