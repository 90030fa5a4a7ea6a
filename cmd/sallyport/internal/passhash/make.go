package passhash

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/go-crypt/x/crypt"
	"golang.org/x/crypto/argon2"

	"github.com/sallyport/sallyport/driver"
)

// Kinds returns the kinds of hashes that Make makes, the usual one first.
func Kinds() []string { return []string{"bcrypt", "argon2id", "sha512"} }

// The work that hashes of Make cost each login: tens of milliseconds.
const (
	madeMemory, madePasses, madeLanes = 19456, 2, 1 // argon2id; memory in KiB
	madeRounds                        = 100_000     // SHA-crypt
)

// Make makes a hash of a password of 1 to 512 bytes; for bcrypt, which ignores further bytes, of 72 bytes at most.
func Make(kind, password string) (string, error) {
	switch {
	case password == "":
		return "", errors.New("the password is empty")
	case len(password) > maxPassword:
		return "", fmt.Errorf("the password has %d bytes; there may be %d", len(password), maxPassword)
	}
	switch kind {
	case "bcrypt":
		return driver.HashPassword(password)
	case "argon2id":
		salt := make([]byte, 16)
		rand.Read(salt) // never fails
		key := argon2.IDKey([]byte(password), salt, madePasses, madeMemory, madeLanes, 32)
		text := base64.RawStdEncoding.EncodeToString
		return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", madeMemory, madePasses, madeLanes, text(salt), text(key)), nil
	case "sha512":
		salt := rand.Text()[:16] // 80 bits
		return fmt.Sprintf("$6$rounds=%d$%s$%s", madeRounds, salt, crypt.KeySHACrypt(sha512.New, []byte(password), []byte(salt), madeRounds)), nil
	}
	return "", fmt.Errorf("%q is not known; want %s", kind, strings.Join(Kinds(), ", "))
}
