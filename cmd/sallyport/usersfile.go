package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// readUsers adds the users of the users file: a line each, as htpasswd -B writes it.
func (s *settings) readUsers() (errs []error) {
	if s.usersFile == "" {
		return nil
	}
	text, err := os.ReadFile(s.usersFile)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", s.at("users-file"), err)}
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

// addLine adds a user, or the password of one that has a table without a password.
func (s *settings) addLine(line, at string) error {
	name, hash, err := splitUser(line)
	if err != nil {
		return errors.New("want NAME:HASH, as htpasswd -B writes it")
	}
	if err := checkPassword(hash); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	a, known := s.accounts[name]
	switch {
	case known && a.Password != "":
		return fmt.Errorf("%q has a password at %s, too; leave one of the two", name, a.from["password"])
	case !known:
		a.from = map[string]string{"": at}
	}
	a.Password, a.from["password"] = hash, at
	s.accounts[name] = a
	return nil
}

// checkPasswords reports users who have none.
func (s *settings) checkPasswords() (errs []error) {
	for name, a := range inOrder(s.accounts) {
		if a.Password == "" {
			errs = append(errs, fmt.Errorf("%s: %s: it is missing: put the bcrypt hash here that sallyport config password prints",
				a.from[""], strict.Key("user", name, "password")))
		}
	}
	return errs
}
