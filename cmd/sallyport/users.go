package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

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

// everybody returns all users, those of options and those of configuration files.
func (s *settings) everybody() map[string]account {
	all := maps.Clone(s.accounts)
	if all == nil {
		all = map[string]account{}
	}
	for _, c := range s.users {
		all[c.name] = account{Password: c.hash, from: map[string]string{"": s.at("user"), "password": s.at("user")}}
	}
	for name, a := range all {
		if a.Home == "" && s.home != "" {
			a.Home, _ = homeOf(s.home, name) // checkUsers tells the error
			a.from = maps.Clone(a.from)
			a.from["home"] = s.at("home")
			all[name] = a
		}
	}
	return all
}

// inOrder yields the entries of a map by their keys.
func inOrder[V any](all map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if !yield(key, all[key]) {
				return
			}
		}
	}
}

// names returns those of all users, in order.
func (s *settings) names() []string { return slices.Sorted(maps.Keys(s.everybody())) }

// place returns where the files of a user are.
func (s *settings) place(a *account) place {
	at := place{dir: s.dir, uploads: cmp.Or(a.Uploads, uploads(s.uploads)), quota: a.Quota, as: s.systemUserOf(a)}
	if a.ReadOnly {
		at.quota = quota{} // nothing is stored
	}
	switch {
	case filepath.IsAbs(a.Home):
		at.dir = filepath.Clean(a.Home)
	case a.Home != "":
		at.dir = filepath.Join(s.dir, a.Home)
	}
	return at
}

// opener gives the files of an account to a session, until ctx ends.
type opener func(ctx context.Context, a *account, at place) (driver.FS, error)

// driver makes the driver. Without any user it makes one, who has the password that is given.
func (s *settings) driver(open opener, password string) (driver.Users, error) {
	all := s.everybody()
	if len(all) == 0 {
		hash, err := driver.HashToken(password)
		if err != nil {
			return nil, err
		}
		all[demoUser] = account{Password: hash}
	}
	users := driver.Users{}
	for name, a := range all {
		at := s.place(&a)
		users[name] = driver.UserEntry{Hash: a.Password, Policy: a.policy(), Home: func(ctx context.Context, l *driver.Login) (driver.FS, error) {
			if err := a.refuses(l, time.Now()); err != nil {
				return nil, err
			}
			return open(ctx, &a, at)
		}}
	}
	return users, nil
}
