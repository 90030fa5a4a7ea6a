package main

import (
	"context"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpdlog"
)

// anonymousNames are the user names that need no proof: RFC 1635.
var anonymousNames = []string{"anonymous", "ftp"}

// anonymousTable is the name of the table in the configuration file.
const anonymousTable = "anonymous"

func isAnonymous(user string) bool {
	return slices.ContainsFunc(anonymousNames, func(name string) bool { return strings.EqualFold(name, user) })
}

// anonymousUser accepts who logs in by one of anonymousNames. It compares the password with the lists of the
// configuration, if there are any. Only logs in the formats of vsftpd have the password.
type anonymousUser struct {
	account           account
	accepted, refused userList // passwords, which RFC 1635 wants to be addresses of mail; nil without a list
}

func (u *anonymousUser) name() string { return "anonymous" }

func (u *anonymousUser) ask(_ context.Context, at *attempt) (*account, decision, error) {
	if at.Half || !isAnonymous(at.User) {
		return nil, notMine, nil
	}
	if u.refused[at.Password] || u.accepted != nil && !u.accepted[at.Password] {
		return nil, refused, nil
	}
	a := u.account
	return &a, accepted, nil
}

// NeedsNoPassword implements driver.Passwordless.
func (c *chain) NeedsNoPassword(user string) bool { return c.settings.noPassword && isAnonymous(user) }

// readAnonymous returns the account of the table [anonymous], nil without such a table, and the problems of the
// table. The account is read-only unless the table itself says otherwise.
func (f *configFile) readAnonymous(places strict.Places) (*account, []*strict.Problem) {
	if !places.Set(anonymousTable) {
		return nil, nil
	}
	c := &accountCheck{places: places, groups: f.groups, buckets: f.buckets}
	a := f.anonymous
	c.complete(anonymousTable, anonymousNames[0], &a)
	if !places.Set(anonymousTable + ".read-only") {
		a.ReadOnly, a.from["read-only"] = true, "the default"
	}
	for _, key := range []string{"password", "certificate-login", "host-login", "require-certificate"} {
		if places.Set(anonymousTable + "." + key) {
			c.problem(anonymousTable, key, "nobody has to prove to be anonymous; leave it out")
		}
		delete(a.from, key)
	}
	if a.Home == "" && len(a.Folders) == 0 {
		c.problem(anonymousTable, "home", "it is missing: say which directory everybody may see")
	}
	a.Password, a.Certificate, a.HostLogin, a.RequireCert = "", false, false, false // drops what a group sets for its users' logins
	a.Owner, a.kind = anonymousTable, vsftpdlog.Anonymous
	return &a, c.problems
}
