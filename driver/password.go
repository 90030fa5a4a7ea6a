package driver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	// tokenPrefix marks a hash by HashToken or HashKnown: $token$salt$digest.
	tokenPrefix = "$token$"
	// minToken is the least length of a token, about 96 bits in base64. A shorter
	// token could be guessed offline at the speed of SHA-256.
	minToken = 16
	// maxBcryptCost bounds the work a hash can demand of a login: a second or
	// so. The algorithm would allow centuries.
	maxBcryptCost = 16
)

// HashPassword makes a bcrypt hash for [UserEntry.Hash]. A password may have 1 to 72
// bytes; bcrypt would ignore the rest.
func HashPassword(password string) (string, error) {
	if password == "" {
		return "", errors.New("driver: password is empty")
	}
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.DefaultCost)
	if err != nil {
		return "", fmt.Errorf("driver: hash password: %w", err)
	}
	return string(h), nil
}

// HashToken makes a salted SHA-256 hash for [UserEntry.Hash] that is cheap to
// compare. It is only for passwords that a machine drew at random, of at least 16
// characters: a password that a person chose would soon be found by trying.
func HashToken(token string) (string, error) {
	if len(token) < minToken {
		return "", fmt.Errorf("driver: a token needs at least %d characters; use HashPassword", minToken)
	}
	return HashKnown(token)
}

// HashKnown makes a hash as HashToken does, for a password that the program knows
// anyway, such as one from its configuration. A slow hash would keep nothing secret
// there, and make each login cost 60 ms of CPU. The hash must not be stored.
func HashKnown(password string) (string, error) {
	if password == "" {
		return "", errors.New("driver: password is empty")
	}
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	b64 := base64.RawStdEncoding.EncodeToString
	return tokenPrefix + b64(salt) + "$" + b64(tokenDigest(salt, password)), nil
}

func tokenDigest(salt []byte, token string) []byte {
	h := hmac.New(sha256.New, salt)
	h.Write([]byte(token))
	return h.Sum(nil)
}

// parseToken takes a hash by HashToken apart.
func parseToken(hash string) (salt, digest []byte, err error) {
	bad := errors.New("malformed token hash")
	rest, ok := strings.CutPrefix(hash, tokenPrefix)
	s, d, ok2 := strings.Cut(rest, "$")
	if !ok || !ok2 {
		return nil, nil, bad
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, err1 := b64.DecodeString(s)
	digest, err2 := b64.DecodeString(d)
	if err1 != nil || err2 != nil || len(salt) < 8 || len(digest) != sha256.Size {
		return nil, nil, bad
	}
	return salt, digest, nil
}

// matches compares a password with a hash in constant time. An empty password
// matches nothing.
func matches(hash, password string) bool {
	var ok bool
	if strings.HasPrefix(hash, tokenPrefix) {
		salt, digest, err := parseToken(hash)
		ok = err == nil && subtle.ConstantTimeCompare(digest, tokenDigest(salt, password)) == 1
	} else if usable(hash) {
		ok = bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
	}
	return ok && password != ""
}

// cost returns how much work it is to compare a hash, 0 for a token; -1 if the hash
// can't be compared.
func cost(hash string) int {
	if strings.HasPrefix(hash, tokenPrefix) {
		return 0
	}
	if c, err := bcryptCost(hash); err == nil {
		return c
	}
	return -1
}

// bcryptCost returns the cost of a bcrypt hash. It refuses $2x$ and older forms,
// which package bcrypt would take for something they are not.
func bcryptCost(hash string) (int, error) {
	switch c, err := bcrypt.Cost([]byte(hash)); {
	case err != nil || len(hash) != 60 || hash[:2] != "$2" || !strings.Contains("aby", hash[2:3]):
		return 0, errors.New("not a bcrypt hash ($2a$, $2b$, $2y$) and not one by HashToken")
	case c > maxBcryptCost:
		return 0, fmt.Errorf("bcrypt cost %d is more than %d", c, maxBcryptCost)
	default:
		return c, nil
	}
}

func usable(hash string) bool { return cost(hash) >= 0 }

// checkHash says what is wrong with a hash, without repeating it.
func checkHash(hash string) error {
	switch {
	case hash == "":
		return errors.New("no hash")
	case strings.HasPrefix(hash, tokenPrefix):
		_, _, err := parseToken(hash)
		return err
	}
	_, err := bcryptCost(hash)
	return err
}
