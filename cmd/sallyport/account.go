package main

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/internal/networks"
	"github.com/sallyport/sallyport/server"
)

// account is what is known of a user, or what a group says of its users.
type account struct {
	Group    string `toml:"group"`
	Password string `toml:"password"` // a hash

	SystemUser string `toml:"system-user"` // whose rights the files are under, empty for what holds for all

	Home     string   `toml:"home"`  // empty for the directory that is served
	Start    string   `toml:"start"` // the directory that sessions start in, below the home
	Uploads  uploads  `toml:"uploads"`
	ReadOnly bool     `toml:"read-only"`
	Hidden   patterns `toml:"hidden"`
	Quota    quota    `toml:"quota"`

	UploadRate   rate          `toml:"rate-up"`
	DownloadRate rate          `toml:"rate-down"`
	Sessions     int           `toml:"sessions"`
	IdleTimeout  time.Duration `toml:"idle-timeout"`
	Disable      []string      `toml:"disable"`

	Networks []network `toml:"networks"`
	Expires  day       `toml:"expires"`

	RequireTLS     bool `toml:"require-tls"`
	RequirePrivate bool `toml:"require-private"`
	RequireReuse   bool `toml:"require-session-reuse"`
	RequireCert    bool `toml:"require-certificate"`

	from map[string]string // where each key comes from; "" is the table
}

// policy is the part of an account that the server holds it to.
func (a *account) policy() driver.Policy {
	return driver.Policy{
		Dir: a.Start, IdleTimeout: a.IdleTimeout, MaxSessions: a.Sessions, Disabled: a.Disable,
		UploadRate: int64(a.UploadRate), DownloadRate: int64(a.DownloadRate),
		RequireTLS: a.RequireTLS, RequirePrivate: a.RequirePrivate, RequireReuse: a.RequireReuse,
		RequireCertificate: a.RequireCert,
	}
}

// refuses returns why a login whose password is right is refused all the same.
func (a *account) refuses(l *driver.Login, now time.Time) error {
	if !a.Expires.IsZero() && !now.Before(a.Expires.Time) {
		return &driver.Error{Code: 530, Text: "This account has expired."}
	}
	// Whoever guesses must not learn that the password is right.
	if a.RequireCert && (l.Certificate == nil || l.Certificate.Subject.CommonName != l.User) {
		return fmt.Errorf("user %q needs a client certificate whose common name is that: %w", l.User, driver.ErrLogin)
	}
	in := func(n network) bool { return networks.Contains(n.Prefix, l.Peer.Addr()) }
	if len(a.Networks) > 0 && !slices.ContainsFunc(a.Networks, in) {
		return fmt.Errorf("user %q may not log in from %s, which is in none of the networks: %w", l.User, l.Peer.Addr(), driver.ErrLogin)
	}
	return nil
}

// inherit takes from a group what the user's table doesn't say, and notes where everything comes from.
func (a *account) inherit(name string, group account, places strict.Places) {
	a.from = map[string]string{"": places[strict.Key("user", name)].String()}
	to, from := reflect.ValueOf(a).Elem(), reflect.ValueOf(group)
	for key, i := range keysOfAccount() {
		if at, ok := places[strict.Key("user", name, key)]; ok {
			a.from[key] = at.String()
		} else if at, ok := places[strict.Key("group", a.Group, key)]; ok && a.Group != "" {
			a.from[key] = at.String()
			to.Field(i).Set(from.Field(i))
		}
	}
}

// keysOfAccount yields the keys of an account's table, with the indices of their fields.
func keysOfAccount() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for i, field := range slices.Collect(reflect.TypeFor[account]().Fields()) {
			if key := field.Tag.Get("toml"); key != "" && !yield(key, i) {
				return
			}
		}
	}
}

// accounts returns the users with what they inherit, and what is wrong with them.
func (f *configFile) accounts(places strict.Places) (map[string]account, []*strict.Problem) {
	c := &accountCheck{places: places, groups: f.groups}
	for name, g := range inOrder(f.groups) {
		c.check("group", name, &g)
		if g.Group != "" {
			c.problem("group", name, "group", "a group is in no other group")
		}
	}
	all := map[string]account{}
	for name, a := range inOrder(f.users) {
		c.check("user", name, &a)
		c.user(name, &a)
		all[name] = a
	}
	return all, c.problems
}

// accountCheck finds out what is wrong with users and groups.
type accountCheck struct {
	places   strict.Places
	groups   map[string]account
	problems []*strict.Problem
}

func (c *accountCheck) problem(table, name, key, format string, args ...any) {
	c.problems = append(c.problems, c.places.Problem(strict.Key(table, name, key), format, args...))
}

// add adds errors about a value, which may be joined.
func (c *accountCheck) add(table, name, key string, err error) {
	for _, err := range joined.Errors(err) {
		c.problem(table, name, key, "%v", err)
	}
}

// check looks at what a table says itself.
func (c *accountCheck) check(table, name string, a *account) {
	if a.Password != "" {
		c.add(table, name, "password", checkPassword(a.Password))
	}
	if a.Start != "" && !driver.ValidName(a.Start) {
		c.problem(table, name, "start", "%q is no name within the home; want one such as in/new, without a slash in front", a.Start)
	}
	if a.Sessions < 0 {
		c.problem(table, name, "sessions", "%d is less than none; want how many sessions there may be at once", a.Sessions)
	}
	c.add(table, name, "disable", checkCommands(a.Disable))
}

// user looks at what a user has together with what it inherits.
func (c *accountCheck) user(name string, a *account) {
	g, ok := c.groups[a.Group]
	if a.Group != "" && !ok {
		if like := strict.Nearest(a.Group, slices.Collect(maps.Keys(c.groups))); like != "" {
			c.problem("user", name, "group", "there is no group %q; did you mean %s?", a.Group, like)
		} else {
			c.problem("user", name, "group", "there is no group %q; begin one by [group.%s]", a.Group, a.Group)
		}
	}
	a.inherit(name, g, c.places)
	if _, _, err := splitUser(name + ":x"); err != nil || strings.Contains(name, ":") {
		c.problem("user", name, "", "a name has at least one letter, no colon and no control characters")
	}
	home, err := homeOf(a.Home, name)
	c.add("user", name, "home", err)
	a.Home = home
}

// checkPassword accepts bcrypt hashes only, and doesn't repeat what is none.
func checkPassword(hash string) error {
	if !isBcrypt(hash) {
		return errors.New("this is no bcrypt hash, and passwords in clear don't belong into a file: put here what sallyport config password prints")
	}
	if err := (driver.Users{"name": {Hash: hash, Files: driver.Mem()}}).Validate(); err != nil {
		return errors.New("this bcrypt hash is damaged or demands too much work; make it anew with sallyport config password")
	}
	return nil
}

// checkCommands asks the server about names of commands.
func checkCommands(names []string) error {
	var errs []error
	for _, err := range joined.Errors((&server.Server{Disabled: names, InsecurePlaintext: true}).Validate()) {
		if field, ok := errors.AsType[*server.FieldError](err); ok {
			err = field.Err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// homeOf fills the template of a home.
func homeOf(template, user string) (string, error) {
	if !strings.Contains(template, "{user}") {
		return template, nil
	}
	if user == "." || user == ".." || strings.ContainsAny(user, `/\`) || filepath.Base(user) != user {
		return template, fmt.Errorf("%q can't be the name of a directory, which {user} would make of it", user)
	}
	return strings.ReplaceAll(template, "{user}", user), nil
}
