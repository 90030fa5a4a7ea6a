package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/internal/joined"
)

// readUsersDir reads the directory of users: a file NAME.toml for each user, with the keys of a table
// [user.NAME].
func (s *settings) readUsersDir() (errs []error) {
	s.fromDir = map[string]account{}
	if s.usersDir == "" {
		return nil
	}
	names, err := s.usersInDir()
	if err != nil {
		s.unread["user"] = true
		return joined.Errors(s.told("users-dir", err))
	}
	for _, file := range names {
		sources, problems := strict.Files(file)
		name := strings.TrimSuffix(filepath.Base(file), ".toml")
		var a account
		table := strict.Key("user", name)
		places, wrong := strict.ReadTable(table, &a, sources...)
		problems = append(problems, wrong...)
		problems = append(problems, s.groups.complete(table, name, &a, places)...)
		for _, p := range problems {
			errs = append(errs, p)
			s.distrust(p)
		}
		first, known := s.accounts[name]
		if !known {
			first, known = s.fromFile[name]
		}
		if !known {
			first, known = s.hosted[name]
		}
		switch {
		case s.isOption(name):
			s.hide(file, name, s.at("user"))
		case known:
			s.hide(file, name, first.from[""])
		case a.HostLogin:
			s.hosted[name] = a
		default:
			s.fromDir[name] = a
		}
	}
	return errs
}

// usersInDir returns the files of the directory of users, in order.
func (s *settings) usersInDir() (files []string, err error) {
	entries, err := os.ReadDir(s.usersDir)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".toml") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(s.usersDir, e.Name()))
		}
	}
	return files, err
}

// withAnonymous returns all users that this host knows, and the anonymous user, if allowed, by a free name.
func (s *settings) withAnonymous() map[string]account {
	all := maps.Clone(s.everybody())
	if s.anonymous == nil {
		return all
	}
	for _, name := range anonymousNames {
		if _, taken := all[name]; !taken {
			all[name] = *s.anonymous
			break
		}
	}
	return all
}
