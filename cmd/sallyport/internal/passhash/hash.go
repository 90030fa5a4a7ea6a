package passhash

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxPassword bounds a password, in bytes, as in libxcrypt. The work of SHA-crypt grows with the length of the
	// password (CVE-2016-20013).
	maxPassword = 512
	// maxMemory bounds the memory of one comparison, in KiB.
	maxMemory = 256 << 10
	// maxArgonWork bounds the memory that one comparison goes through, in KiB: about a second.
	maxArgonWork  = 1 << 20
	maxArgonLanes = 16
	// SHA-crypt itself demands minRounds at least. maxRounds take about a second.
	minRounds, maxRounds, usualRounds = 1000, 1_000_000, 5000
)

// hash is a hash that was parsed.
type hash interface {
	// matches compares the password in constant time.
	matches(password string) bool
	// class returns a text that is the same for hashes that take the same work.
	class() string
}

// kinds are the prefixes of hashes and the functions that parse them.
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

// tokenPrefix begins the hash that serve makes of a password in clear. No file may hold such a hash.
const tokenPrefix = "$token$"

// foreign are the prefixes of known hashes that are not accepted.
var foreign = []string{"$1$", "$apr1$", "$2x$", "$2$", "$7$", "$gy$", "$md5", "$sha1$", "$argon2i$", "$argon2d$", "{"}

// Is reports whether text looks like a hash of another program, valid or not, rather than like a password in clear.
func Is(text string) bool {
	for _, k := range kinds {
		if k.prefix != tokenPrefix && strings.HasPrefix(text, k.prefix) {
			return true
		}
	}
	return false
}

// Validate returns what is wrong with a hash and what would be right, nil if nothing is. The error doesn't repeat the
// hash, which may be a password in clear.
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

// ErrUnknown means that a text begins like no hash of a known kind.
var ErrUnknown = errors.New("this is no hash of a known kind (bcrypt, argon2id, SHA-crypt, yescrypt)")

// damaged returns the error of a hash that has the prefix of a kind but not its form.
func damaged(kind string) error { return fmt.Errorf("this %s hash is damaged", kind) }

// Decoy returns a hash to compare the password of an unknown name with; empty if there is no hash. It is of the most
// usual kind and work, so that the time of a refusal tells as few names as it can. Names with hashes of another kind or
// work can still be told from unknown ones.
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
