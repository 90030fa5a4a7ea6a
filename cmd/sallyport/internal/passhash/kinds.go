package passhash

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	hashes "hash"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/go-crypt/x/crypt"
	"github.com/go-crypt/x/yescrypt"
	"golang.org/x/crypto/argon2"

	"github.com/sallyport/sallyport/driver"
)

// library is a hash that package driver compares: bcrypt, or the token that serve makes of a password in clear.
type library struct{ text, kind string }

func parseBcrypt(text string) (hash, error) {
	if (driver.Users{"name": {Hash: text, Files: driver.Mem()}}).Validate() != nil {
		return nil, fmt.Errorf("this bcrypt hash is damaged or demands more work than a cost of 16")
	}
	return library{text, text[4:6]}, nil
}

func parseToken(text string) (hash, error) {
	if (driver.Users{"name": {Hash: text, Files: driver.Mem()}}).Validate() != nil {
		return nil, damaged("token")
	}
	return library{text, "token"}, nil
}

func (h library) matches(password string) bool {
	return driver.CheckPassword(context.Background(), &driver.Login{Password: password}, h.text) == nil
}

func (h library) class() string { return h.kind }

// argon is an argon2id hash: RFC 9106, in the text form of the reference implementation.
type argon struct {
	memory, passes uint32 // memory in KiB
	lanes          uint8
	salt, key      []byte
}

// argonForm and the other patterns are compiled at their first use: that takes milliseconds, which every part of a
// split server would spend at its start.
var argonForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$`)
})

func parseArgon2id(text string) (hash, error) {
	m := argonForm().FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("%w; want $argon2id$v=19$m=...,t=...,p=...$salt$key", damaged("argon2id"))
	}
	memory, passes, lanes := number(m[1]), number(m[2]), number(m[3])
	salt, err1 := base64.RawStdEncoding.Strict().DecodeString(m[4])
	key, err2 := base64.RawStdEncoding.Strict().DecodeString(m[5])
	switch {
	case err1 != nil || err2 != nil:
		return nil, damaged("argon2id")
	case passes < 1 || lanes < 1 || lanes > maxArgonLanes || memory < 8*lanes:
		return nil, fmt.Errorf("this argon2id hash has m=%d, t=%d and p=%d; want t of 1 or more, p from 1 to %d and m of 8 times p or more", memory, passes, lanes, maxArgonLanes)
	case memory > maxMemory || passes > maxArgonWork/memory:
		return nil, fmt.Errorf("this argon2id hash demands too much of each login: m=%d (KiB), t=%d; m may be %d at most, and m times t %d", memory, passes, maxMemory, maxArgonWork)
	}
	return argon{uint32(memory), uint32(passes), uint8(lanes), salt, key}, nil
}

func (h argon) matches(password string) bool {
	got := argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(got, h.key) == 1
}

func (h argon) class() string { return fmt.Sprintf("argon2id %d %d %d", h.memory, h.passes, h.lanes) }

// sha is a SHA-crypt hash, as shadow files have it.
type sha struct {
	size      int // of the SHA-2 sum, in bytes
	rounds    int
	salt, key string
}

var shaForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\$[56]\$(?:rounds=(\d{1,9})\$)?([./0-9A-Za-z]{1,16})\$([./0-9A-Za-z]+)$`)
})

func parseSHACrypt(text string) (hash, error) {
	m := shaForm().FindStringSubmatch(text)
	size, letters := sha256.Size, 43
	if strings.HasPrefix(text, "$6$") {
		size, letters = sha512.Size, 86
	}
	if m == nil || len(m[3]) != letters {
		return nil, damaged("SHA-crypt")
	}
	rounds := usualRounds
	if m[1] != "" {
		rounds = number(m[1])
	}
	if rounds < minRounds || rounds > maxRounds {
		return nil, fmt.Errorf("this SHA-crypt hash has %d rounds; want from %d to %d", rounds, minRounds, maxRounds)
	}
	return sha{size, rounds, m[2], m[3]}, nil
}

func (h sha) matches(password string) bool {
	algorithm := func() hashes.Hash { return sha256.New() }
	if h.size == sha512.Size {
		algorithm = func() hashes.Hash { return sha512.New() }
	}
	got := crypt.KeySHACrypt(algorithm, []byte(password), []byte(h.salt), h.rounds)
	return subtle.ConstantTimeCompare(got, []byte(h.key)) == 1
}

func (h sha) class() string { return fmt.Sprintf("SHA-crypt %d %d", h.size, h.rounds) }

// yes is a yescrypt hash, as shadow files of Debian have it.
type yes struct{ text, work string }

var yesForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\$y\$(j[./0-9A-Za-z]{2})\$([./0-9A-Za-z]{1,86})\$[./0-9A-Za-z]{43}$`)
})

func parseYescrypt(text string) (hash, error) {
	m := yesForm().FindStringSubmatch(text)
	if m == nil {
		return nil, fmt.Errorf("this yescrypt hash is damaged, or has parameters that mkpasswd doesn't make")
	}
	_, log2, blocks, err := yescrypt.DecodeSetting([]byte(m[1]))
	if err != nil || yescrypt.Decode64([]byte(m[2])) == nil || log2 < 10 || blocks < 1 || blocks > 32 {
		return nil, damaged("yescrypt")
	}
	if log2 > 18 || blocks<<log2/8 > maxMemory { // a block has 128 bytes
		return nil, fmt.Errorf("this yescrypt hash demands more than the %d MiB that a login may take; mkpasswd -m yescrypt -R 9 makes the dearest that is accepted", maxMemory>>10)
	}
	return yes{text, m[1]}, nil
}

func (h yes) matches(password string) bool {
	got, err := yescrypt.Hash([]byte(password), []byte(h.text))
	return err == nil && subtle.ConstantTimeCompare(got, []byte(h.text)) == 1
}

func (h yes) class() string { return "yescrypt " + h.work }

// number parses digits whose number a pattern has bounded.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}
