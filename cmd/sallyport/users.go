package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/driver"
)

// credentials are the value of --user.
type credentials struct{ name, hash string }

// demoUser is the user of a server that was told none.
const demoUser = "demo"

// splitUser reads NAME:PASSWORD. The password may hold colons; the name cannot.
func splitUser(text string) (name, password string, err error) {
	name, password, found := strings.Cut(text, ":")
	switch {
	case !found || name == "":
		err = errors.New("want NAME:PASSWORD") // what was given may be a password
	case password == "":
		err = fmt.Errorf("%q has no password; want NAME:PASSWORD", name)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 127 }):
		err = fmt.Errorf("%q has control characters in the name", name)
	}
	return name, password, err
}

// addUser reads NAME:PASSWORD, or NAME:HASH.
func (s *settings) addUser(text string) error {
	name, password, err := splitUser(text)
	if err != nil {
		return err
	}
	for _, c := range s.users {
		if c.name == name {
			return fmt.Errorf("%q is there twice", name)
		}
	}
	hash := password
	if !isBcrypt(password) {
		if hash, err = driver.HashKnown(password); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	if err := (driver.Users{name: {Hash: hash, Files: driver.Mem()}}).Validate(); err != nil {
		return err
	}
	s.users = append(s.users, credentials{name, hash})
	return nil
}

// isBcrypt tells a hash, right or wrong, from a password.
func isBcrypt(s string) bool {
	for _, prefix := range []string{"$2a$", "$2b$", "$2y$"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// accounts makes the driver. Without any user it makes one, and returns its
// password for the operator to read.
func (s *settings) accounts(files driver.FS) (users driver.Users, password string, err error) {
	users = driver.Users{}
	for _, c := range s.users {
		users[c.name] = driver.UserEntry{Hash: c.hash, Files: files}
	}
	if len(users) > 0 {
		return users, "", nil
	}
	password = strings.ToLower(rand.Text())
	hash, err := driver.HashToken(password)
	users[demoUser] = driver.UserEntry{Hash: hash, Files: files}
	return users, password, err
}
