package main

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpdlog"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/internal/networks"
	"github.com/sallyport/sallyport/server"
)

// account holds the keys of a user's table, or of the table of a group of users.
type account struct {
	Group       string `toml:"group"`
	Password    string `toml:"password"`          // a hash; sources of users other than files leave it empty
	Certificate bool   `toml:"certificate-login"` // a client certificate of the user is enough, without a password
	HostLogin   bool   `toml:"host-login"`        // system-users or pam judge the password of the user

	SystemUser string `toml:"system-user"` // whose rights the files are under, empty for what holds for all

	Home         string            `toml:"home"`    // empty for the directory that is served
	Root         string            `toml:"root"`    // what the user sees as /, empty for the home
	Start        string            `toml:"start"`   // the directory that sessions start in, below the home
	Folders      map[string]folder `toml:"folders"` // by the name that clients see
	Uploads      uploads           `toml:"uploads"`
	Umask        umask             `toml:"umask"`
	FileMode     fileMode          `toml:"file-mode"`
	GiveTo       owner             `toml:"give-uploads-to"` // who owns uploads in the end
	GivenMode    givenMode         `toml:"given-mode"`      // the mode of such uploads
	ReadOnly     bool              `toml:"read-only"`
	CheckProgram []string          `toml:"check-program"` // that looks at uploads, and its arguments
	Hidden       patterns          `toml:"hidden"`
	NoReplace    bool              `toml:"no-replace"`
	WorldOnly    bool              `toml:"world-readable-only"`
	Fetchable    patterns          `toml:"fetchable"` // the only names that can be fetched; none for all
	Storable     patterns          `toml:"storable"`  // the only names that can be stored; none for all
	Quota        quota             `toml:"quota"`

	UploadRate   rate          `toml:"rate-up"`
	DownloadRate rate          `toml:"rate-down"`
	Sessions     int           `toml:"sessions"`
	IdleTimeout  time.Duration `toml:"idle-timeout"`
	Disable      []string      `toml:"disable"`

	// Of anonymous users only.
	NoPassword bool   `toml:"no-password"`
	Emails     string `toml:"passwords"`         // the file of the passwords that are accepted; empty for all
	NoEmails   string `toml:"refused-passwords"` // the file of passwords that are refused

	Networks []network `toml:"networks"`
	Expires  day       `toml:"expires"`

	RequireTLS     bool `toml:"require-tls"`
	RequirePrivate bool `toml:"require-private"`
	RequireReuse   bool `toml:"require-session-reuse"`
	RequireCert    bool `toml:"require-certificate"`

	rights  *identity // of a user of this host; nil for those of SystemUser
	session string    // the user whose session PAM opens; empty for none

	kind  vsftpdlog.Kind    // what logs call the user; zero for a real one
	Owner string            // names the account where several user names share one; empty for the name of the user
	from  map[string]string // says where each key was set; the key "" stands for the table
}

// policy returns the part of an account that the server itself enforces.
func (a *account) policy() driver.Policy {
	return driver.Policy{
		Dir: a.start(), IdleTimeout: a.IdleTimeout, MaxSessions: a.Sessions, Disabled: a.Disable,
		UploadRate: int64(a.UploadRate), DownloadRate: int64(a.DownloadRate),
		RequireTLS: a.RequireTLS, RequirePrivate: a.RequirePrivate, RequireReuse: a.RequireReuse,
		RequireCertificate: a.RequireCert,
	}
}

// refuses returns why the server refuses a login although its source has accepted the credentials; nil if it may
// go on.
func (a *account) refuses(l *driver.Login, now time.Time) error {
	if !a.Expires.IsZero() && !now.Before(a.Expires.Time) {
		return &driver.Error{Code: 530, Text: "This account has expired."}
	}
	// Answers as to a wrong password: whoever guesses must not learn that the password is right.
	if a.RequireCert && (l.Certificate == nil || l.Certificate.Subject.CommonName != l.User) {
		return fmt.Errorf("user %q needs a client certificate whose common name is that: %w", l.User, driver.ErrLogin)
	}
	in := func(n network) bool { return networks.Contains(n.Prefix, l.Peer.Addr()) }
	if len(a.Networks) > 0 && !slices.ContainsFunc(a.Networks, in) {
		return fmt.Errorf("user %q may not log in from %s, which is in none of the networks: %w", l.User, l.Peer.Addr(), driver.ErrLogin)
	}
	return nil
}

// inherit sets the keys that the table of a user leaves out to the values of the group, and notes in from where
// each was set.
func (a *account) inherit(table string, group account, places strict.Places) {
	a.from = map[string]string{"": places[table].String()}
	to, from := reflect.ValueOf(a).Elem(), reflect.ValueOf(group)
	for key, i := range keysOfAccount() {
		if at, ok := places[table+"."+key]; ok {
			a.from[key] = at.String()
		} else if at, ok := places[strict.Key("group", a.Group, key)]; ok && a.Group != "" {
			a.from[key] = at.String()
			to.Field(i).Set(from.Field(i))
		}
	}
	for name := range a.Folders { // of one table, since a user's folders take the place of the group's
		key := strict.Key("folders", name)
		for _, table := range []string{table, strict.Key("group", a.Group)} {
			if at, ok := places[table+"."+key]; ok {
				a.from[key] = at.String()
				break
			}
		}
	}
}

// keysOfAccount yields each key of an account's table with the index of its field in account.
func keysOfAccount() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for i, field := range slices.Collect(reflect.TypeFor[account]().Fields()) {
			if key := field.Tag.Get("toml"); key != "" && !yield(key, i) {
				return
			}
		}
	}
}

// accounts returns the users, completed by what they inherit, and the problems of users and groups.
func (f *configFile) accounts(places strict.Places) (map[string]account, []*strict.Problem) {
	c := &accountCheck{places: places, groups: f.groups, buckets: f.buckets}
	for name, g := range inOrder(f.groups) {
		table := strict.Key("group", name)
		c.check(table, &g)
		if g.Group != "" {
			c.problem(table, "group", "a group is in no other group")
		}
	}
	all := map[string]account{}
	for name, a := range inOrder(f.users) {
		c.complete(strict.Key("user", name), name, &a)
		all[name] = a
	}
	return all, c.problems
}

// groups holds the groups of the configuration files. Users of every source may be in one.
type groups struct {
	tables map[string]account
	places strict.Places // of their keys

	buckets map[string]bucket // those of the configuration files, for folders
}

// groupTables returns the groups of the configuration files, with the places of their keys.
func (f *configFile) groupTables(places strict.Places) groups {
	g := groups{f.groups, strict.Places{}, f.buckets}
	for key, at := range places {
		if strings.HasPrefix(key, "group.") {
			g.places[key] = at
		}
	}
	return g
}

// complete gives an account that was read alone what its group says and a home, and returns what is wrong with it.
// table is the name of its table in messages.
func (g *groups) complete(table, name string, a *account, places strict.Places) []*strict.Problem {
	c := &accountCheck{places: maps.Clone(places), groups: g.tables, buckets: g.buckets}
	maps.Copy(c.places, g.places)
	c.complete(table, name, a)
	return c.problems
}

// accountCheck collects the problems of users and groups.
type accountCheck struct {
	places   strict.Places
	groups   map[string]account
	buckets  map[string]bucket
	problems []*strict.Problem
}

// problem adds a problem of a key of a table, or of the table as a whole if key is empty.
func (c *accountCheck) problem(table, key, format string, args ...any) {
	if key != "" {
		table += "." + key
	}
	c.problems = append(c.problems, c.places.Problem(table, format, args...))
}

// add adds a problem for each of the errors that err joins.
func (c *accountCheck) add(table, key string, err error) {
	for _, err := range joined.Errors(err) {
		c.problem(table, key, "%v", err)
	}
}

// check checks the keys that a table itself sets.
func (c *accountCheck) check(table string, a *account) {
	if a.Password != "" {
		c.add(table, "password", checkPassword(a.Password))
	}
	if a.Start != "" && !driver.ValidName(a.Start) {
		c.problem(table, "start", "%q is no name within the home; want one such as in/new, without a slash in front", a.Start)
	}
	if a.Sessions < 0 {
		c.problem(table, "sessions", "%d is less than none; want how many sessions there may be at once", a.Sessions)
	}
	for key, set := range inOrder(map[string]bool{"no-password": a.NoPassword, "passwords": a.Emails != "", "refused-passwords": a.NoEmails != ""}) {
		if set && table != anonymousTable {
			c.problem(table, key, "only the table [%s] can have it", anonymousTable)
		}
	}
	c.checkFolders(table, a)
	c.add(table, "disable", checkCommands(a.Disable))
}

// complete checks the table of a user, and gives the user what the group says and a home.
func (c *accountCheck) complete(table, name string, a *account) {
	c.check(table, a)
	g, ok := c.groups[a.Group]
	if a.Group != "" && !ok {
		if like := strict.Nearest(a.Group, slices.Collect(maps.Keys(c.groups))); like != "" {
			c.problem(table, "group", "there is no group %q; did you mean %s?", a.Group, like)
		} else {
			c.problem(table, "group", "there is no group %q; begin one by [group.%s]", a.Group, a.Group)
		}
	}
	a.inherit(table, g, c.places)
	c.add(table, "", checkName(name))
	home, err := homeOf(a.Home, name)
	c.add(table, "home", err)
	a.Home = home
	c.completeFolders(table, name, a)
	c.add(table, "root", a.checkRoot())
}

// checkName returns why no user can have a name; nil if one can.
func checkName(name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 127 || r == ':' }) {
		return errors.New("a name has at least one letter, no colon and no control characters")
	}
	return nil
}

// checkPassword accepts hashes only. The error doesn't repeat the text, which may be a password in clear.
func checkPassword(hash string) error {
	err := passhash.Validate(hash)
	switch {
	case err == nil && strings.HasPrefix(hash, "$token$"):
		return errors.New("a token is no hash for a file; put here what sallyport config password prints")
	case errors.Is(err, passhash.ErrUnknown):
		return fmt.Errorf("%w, and passwords in clear don't belong into a file: put here what sallyport config password prints", err)
	case err != nil:
		return fmt.Errorf("%w; make one with sallyport config password", err)
	}
	return nil
}

// checkCommands has server.Server.Validate check names of commands to switch off.
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

// placeholder matches what would stand for something in the path of a home.
var placeholder = regexp.MustCompile(`\{[A-Za-z-]*\}`)

// homeOf returns the path of a user's home: the template, with {user} replaced by the name.
func homeOf(template, user string) (string, error) {
	for _, found := range placeholder.FindAllString(template, -1) {
		if found != "{user}" {
			return template, fmt.Errorf("%s in %q stands for nothing; want {user}, which stands for the name of the user", found, template)
		}
	}
	if !strings.Contains(template, "{user}") {
		return template, nil
	}
	if user == "." || user == ".." || strings.ContainsAny(user, `/\`) || filepath.Base(user) != user {
		return template, fmt.Errorf("%q can't be the name of a directory, which {user} would make of it", user)
	}
	return strings.ReplaceAll(template, "{user}", user), nil
}
