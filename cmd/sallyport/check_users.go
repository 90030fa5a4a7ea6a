package main

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// checkUsers reports what is wrong with users as they are together, and with the directories that they need.
func (s *settings) checkUsers() (errs []error) {
	for _, c := range s.users {
		if _, twice := s.accounts[c.name]; twice {
			errs = append(errs, fmt.Errorf("%s: %q is in a configuration file, too; leave one of the two", s.at("user"), c.name))
		}
	}
	all := s.everybody()
	if s.dir == "" && (len(all) == 0 || slices.ContainsFunc(slices.Collect(maps.Values(all)), needsDir)) {
		errs = append(errs, fmt.Errorf("the directory to serve is missing: sallyport serve DIR, or dir = \"DIR\" in a configuration file (--config FILE, or %s)", usualConfig))
	}
	return append(errs, s.checkQuotas(all)...)
}

// needsDir reports whether the home of a user is the directory that is served, or below it.
func needsDir(a account) bool { return !filepath.IsAbs(a.Home) }

// checkQuotas reports users who share a home and not its quota: each would count what the others store as its own.
func (s *settings) checkQuotas(all map[string]account) (errs []error) {
	first := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a := all[name]
		at := s.place(&a)
		other, shared := first[at.dir]
		if !shared {
			first[at.dir] = name
			continue
		}
		if b := all[other]; b.Quota != a.Quota {
			errs = append(errs, errors.New("user "+name+": the home is that of user "+other+", too, who has another quota or none; give both the same"))
		}
	}
	return errs
}
