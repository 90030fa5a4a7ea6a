package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/loglimit"
	"github.com/sallyport/sallyport/internal/wire"
)

// credentials is a value of --user.
type credentials struct{ name, hash string }

// demoUser is the name of the user of a server for which no users are configured.
const demoUser = "demo"

// splitUser reads NAME:PASSWORD. The password may hold colons; the name cannot.
func splitUser(text string) (name, password string, err error) {
	name, password, found := strings.Cut(text, ":")
	switch {
	case !found || name == "":
		err = errors.New("want NAME:PASSWORD") // doesn't repeat the text, which may be a password
	case password == "":
		err = fmt.Errorf("%q has no password; want NAME:PASSWORD", name)
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 127 }):
		err = fmt.Errorf("%q has control characters in the name", name)
	}
	return name, password, err
}

// addUser adds a user given as NAME:PASSWORD or NAME:HASH.
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
	if !passhash.Is(password) {
		if hash, err = driver.HashKnown(password); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	if err := passhash.Validate(hash); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	s.users = append(s.users, credentials{name, hash})
	return nil
}

// everybody returns all users that this host knows: those of options, of configuration files, of the users file and of
// the directory of users. If several have the same name, the first in this order counts.
func (s *settings) everybody() map[string]account {
	all := map[string]account{}
	for _, more := range []map[string]account{s.fromDir, s.fromFile, s.accounts} {
		maps.Copy(all, more)
	}
	for _, c := range s.users {
		all[c.name] = account{Password: c.hash, from: map[string]string{"": s.at("user"), "password": s.at("user")}}
	}
	for name, a := range all {
		all[name], _ = s.housed(name, a) // checkUsers reports the error
	}
	return all
}

// housed returns an account with the home of the option home, unless it has a home of its own.
func (s *settings) housed(name string, a account) (account, error) {
	if a.Home != "" || s.home == "" || a.hasRoot() {
		return a, nil
	}
	home, err := homeOf(s.home, name)
	a.Home, a.from = home, maps.Clone(a.from)
	a.from["home"] = s.at("home")
	return a, err
}

// nobody reports whether no source of users is configured. A user is made for this run then.
func (s *settings) nobody() bool {
	return len(s.everybody()) == 0 && s.anonymous == nil && len(s.authProgram) == 0 && s.authURL == "" && !s.systemSource && !s.pam
}

// inOrder yields the entries of a map in the order of their keys.
func inOrder[V any](all map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if !yield(key, all[key]) {
				return
			}
		}
	}
}

// names returns the names of all users, in order.
func (s *settings) names() []string { return slices.Sorted(maps.Keys(s.everybody())) }

// place returns the place of a user's files.
func (s *settings) place(a *account) place {
	at := place{
		dir: s.dir, uploads: cmp.Or(a.Uploads, uploads(s.uploads)), umask: a.Umask, quota: a.Quota,
		rules: s.fileRulesOf(a), as: s.systemUserOf(a), session: a.session, check: s.checkOf(a), folders: s.foldersOf(a), buckets: s.bucketsOf(a),
	}
	if a.ReadOnly {
		at.quota = quota{} // the user stores nothing
	}
	switch {
	case a.homeless(), a.hasRoot():
		at.dir = ""
	case a.Root != "":
		at.dir, at.home = filepath.Clean(a.Root), a.Home
	case a.Home != "":
		at.dir = s.dirOf(a.Home)
	}
	return at
}

// opener opens the files of an account for a session. They stay open until ctx ends.
type opener func(ctx context.Context, a *account, at place) (driver.FS, error)

// driver returns the driver, which asks the sources of users in order. If no source is configured, the driver has a
// single user with the given password.
func (s *settings) driver(open opener, password string, log *slog.Logger) (driver.Driver, error) {
	c, err := s.chain(ownLabour(), password, log)
	c.open = open
	return c, err
}

// labour holds the work of chain that takes long or handles data of strangers. A split server leaves it to other
// processes.
type labour struct {
	compare func(ctx context.Context, hash, password string) (bool, error)
	post    func(ctx context.Context, url string, question []byte) (status int, said []byte, err error)
	judge   judge
	login   pamLogin
	run     runner
}

// ownLabour returns labour that is done in this process.
func ownLabour() labour {
	return labour{compare: passhash.NewChecker().Check, post: newPoster().post, run: runProgram}
}

// chain makes the chain of the sources that are configured.
func (s *settings) chain(by labour, password string, log *slog.Logger) (*chain, error) {
	c := &chain{settings: s, log: log, told: map[string]*loglimit.Share{}}
	accounts := s.everybody()
	if s.nobody() {
		hash, err := driver.HashToken(password)
		if err != nil {
			return c, err
		}
		accounts[demoUser] = account{Password: hash}
	}
	c.local = newLocalUsers(accounts, by.compare)
	c.sources = append(c.sources, c.local)
	if s.anonymous != nil {
		c.sources = append(c.sources, &anonymousUser{*s.anonymous, s.emails, s.noEmails})
	}
	errs := []error{s.findChecks()}
	if len(s.authProgram) > 0 {
		p, err := s.newAuthProgram(by.run)
		errs = append(errs, err)
		p.overheard = func(at *attempt, words string) {
			c.often(slog.LevelWarn, "the program that decides on logins has written to standard error", p.name(), "user", wire.Printable(at.User), "text", wire.Printable(words))
		}
		c.sources = append(c.sources, p)
	}
	if s.authURL != "" {
		c.sources = append(c.sources, s.newAuthURL(by.post))
	}
	if s.systemSource {
		errs = append(errs, s.canJudge())
		c.sources = append(c.sources, &systemUsers{s, by.judge})
	}
	errs = append(errs, s.canReachBuckets())
	if s.pam {
		errs = append(errs, s.canAskPAM())
		c.sources = append(c.sources, s.newPAMUsers(by.login))
	}
	return c, errors.Join(errs...)
}
