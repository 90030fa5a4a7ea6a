package main

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// withoutHosted separates users of this host that have a table, with host-login, from the other users.
func withoutHosted(all map[string]account) (others, hosted map[string]account) {
	others, hosted = map[string]account{}, map[string]account{}
	for name, a := range all {
		if a.HostLogin {
			hosted[name] = a
		} else {
			others[name] = a
		}
	}
	return others, hosted
}

// tables returns all users that have a table or a line of their own, the anonymous user and those of this host
// included.
func (s *settings) tables() map[string]account {
	all := s.withAnonymous()
	maps.Copy(all, s.hosted)
	return all
}

// checkHosted reports what is wrong with the tables of users of this host.
func (s *settings) checkHosted() (errs mistakes) {
	others := s.everybody()
	for name, a := range inOrder(s.hosted) {
		wrong := func(key, format string, args ...any) {
			at := a.from[""] + ": " + strict.Key("user", name)
			if a.from[key] != "" {
				at = a.from[key] + ": " + key
			}
			errs = append(errs, fmt.Errorf("%s: %w", at, fmt.Errorf(format, args...)))
		}
		switch other, twice := others[name]; {
		case !s.systemSource && !s.pam:
			wrong("host-login", "it needs %s or %s, which judge the password", s.at("system-users"), s.at("pam"))
		case twice:
			wrong("host-login", "the user has a password at %s, too, and that one would count; leave one of the two", other.from[""])
		case a.Password != "":
			wrong("password", "this host knows the password of a user with host-login; leave one of the two")
		case a.Certificate:
			wrong("certificate-login", "this host judges the password of a user with host-login; leave one of the two")
		case a.Home != "" && !filepath.IsAbs(a.Home) && s.dir == "":
			wrong("home", "the home %q is in the directory that is served, and there is none; want an absolute path", a.Home)
		}
		if a.SystemUser == "" || s.runAs == "" {
			continue
		}
		id, err := s.systemUserFor(a.SystemUser)
		if err != nil {
			wrong("system-user", "%w", err)
			continue
		}
		s.systemUsers[a.SystemUser] = id
	}
	return errs
}

// asHosted gives the account of a user of this host the rights that a login would give it, and reports whether there is
// a home to look at: that of the passwd file is not looked at.
func (s *settings) asHosted(name string, a *account) bool {
	if a.SystemUser == "" {
		id, err := lookUpSystemUser(cmp.Or(s.pamUser, name))
		if err != nil {
			return false
		}
		a.rights = &id
	}
	return a.Home != "" || a.hasRoot()
}
