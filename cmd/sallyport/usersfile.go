package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/internal/joined"
)

// readUsersFile reads the users file: a line for each user, as htpasswd -B writes it.
func (s *settings) readUsersFile() (errs []error) {
	s.fromFile = map[string]account{}
	if s.usersFile == "" {
		return nil
	}
	text, err := os.ReadFile(s.usersFile)
	if err != nil {
		s.unread["users-file"] = true
		return joined.Errors(s.told("users-file", err))
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := fmt.Sprintf("%s:%d", s.usersFile, n)
		if err := s.addLine(line, at); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", s.usersFile, err))
	}
	return errs
}

// addLine adds a user, or sets the password of a user whose table has none.
func (s *settings) addLine(line, at string) error {
	name, hash, err := splitUser(line)
	if err != nil {
		return errors.New("want NAME:HASH, as htpasswd -B writes it")
	}
	if err := checkPassword(hash); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	a, known := s.accounts[name]
	first, twice := s.fromFile[name]
	switch {
	case twice || known && strings.HasPrefix(a.from["password"], s.usersFile+":"):
		return fmt.Errorf("%q has a password at %s, too; leave one of the two", name, cmp.Or(first.from["password"], a.from["password"]))
	case s.isOption(name):
		s.hide(at, name, s.at("user"))
	case known && a.Password != "":
		s.hide(at, name, a.from["password"])
	case known:
		a.Password, a.from["password"] = hash, at
		s.accounts[name] = a
	default:
		s.fromFile[name] = account{Password: hash, from: map[string]string{"": at, "password": at}}
	}
	return nil
}

// isOption reports whether the option user names a user.
func (s *settings) isOption(name string) bool {
	return slices.ContainsFunc(s.users, func(c credentials) bool { return c.name == name })
}

// hide notes that a user can't log in, since a source that comes before has the name.
func (s *settings) hide(at, name, first string) {
	s.hidden = append(s.hidden, fmt.Sprintf("%s: user %q is at %s, too, and that one counts", at, name, first))
}

// checkPasswords reports users without a password or a certificate to log in by.
func (s *settings) checkPasswords() (errs []error) {
	for name, a := range inOrder(s.everybody()) {
		if a.Password == "" && !a.Certificate && !s.unsure(strict.Key("user", name, "password")) && !s.unread["users-file"] {
			errs = append(errs, fmt.Errorf("%s: %s: it is missing: put the hash here that sallyport config password prints",
				a.from[""], strict.Key("user", name, "password")))
		}
	}
	return errs
}
