package passhash

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxPassword is the longest password in bytes, as in libxcrypt. The work of SHA-crypt grows with the length of the
	// password (CVE-2016-20013).
	maxPassword = 512
	// maxMemory bounds what one comparison takes, in KiB.
	maxMemory = 256 << 10
	// maxArgonWork bounds the memory that one comparison goes through, in KiB: about a second.
	maxArgonWork  = 1 << 20
	maxArgonLanes = 16
	// SHA-crypt demands at least minRounds. maxRounds take about a second.
	minRounds, maxRounds, usualRounds = 1000, 1_000_000, 5000
)

// hash is a hash taken apart.
type hash interface {
	// matches compares in constant time.
	matches(password string) bool
	// class is the same for hashes that take the same work.
	class() string
}

// kinds are what hashes begin with, and who takes them apart.
var kinds = []struct {
	prefix string
	parse  func(string) (hash, error)
}{
	{"$2a$", parseBcrypt}, {"$2b$", parseBcrypt}, {"$2y$", parseBcrypt},
	{"$argon2id$", parseArgon2id},
	{"$5$", parseSHACrypt}, {"$6$", parseSHACrypt},
	{"$y$", parseYescrypt},
	{tokenPrefix, parseToken},
}

// tokenPrefix begins what serve makes of a password in clear, which stands in no file.
const tokenPrefix = "$token$"

// foreign are the beginnings of hashes that are known and not accepted.
var foreign = []string{"$1$", "$apr1$", "$2x$", "$2$", "$7$", "$gy$", "$md5", "$sha1$", "$argon2i$", "$argon2d$", "{"}

// Is reports whether text is a hash of another program, right or wrong, rather than a password in clear.
func Is(text string) bool {
	for _, k := range kinds {
		if k.prefix != tokenPrefix && strings.HasPrefix(text, k.prefix) {
			return true
		}
	}
	return false
}

// Validate returns what is wrong with a hash, and what would be right. The error doesn't repeat the hash, which may be
// a password in clear.
func Validate(text string) error {
	_, err := parse(text)
	return err
}

func parse(text string) (hash, error) {
	for _, k := range kinds {
		if strings.HasPrefix(text, k.prefix) {
			return k.parse(text)
		}
	}
	for _, prefix := range foreign {
		if strings.HasPrefix(text, prefix) {
			return nil, fmt.Errorf("hashes that begin with %s are not accepted; want bcrypt, argon2id, SHA-crypt ($5$, $6$) or yescrypt", prefix)
		}
	}
	return nil, ErrUnknown
}

// ErrUnknown is that a text doesn't begin as any hash does.
var ErrUnknown = errors.New("this is no hash of a known kind (bcrypt, argon2id, SHA-crypt, yescrypt)")

// damaged returns that a hash of a kind is not whole.
func damaged(kind string) error { return fmt.Errorf("this %s hash is damaged", kind) }

// Decoy returns the hash to compare with the password of a name that nobody has: one of the most usual kind and work
// among hashes, so that the time of a refusal tells as few names as it can. Hashes of other kinds, or of the same kind
// and other work, can be told from unknown names. It is empty if there is no hash.
func Decoy(hashes func(yield func(string) bool)) string {
	count, example := map[string]int{}, map[string]string{}
	for text := range hashes {
		if h, err := parse(text); err == nil {
			count[h.class()]++
			example[h.class()] = text
		}
	}
	best := ""
	for class, n := range count {
		if n > count[best] || n == count[best] && class < best {
			best = class
		}
	}
	return example[best]
}
