package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/internal/joined"
)

// checkUsers reports what is wrong between users, such as a name that is there twice, and with the directories they
// need.
func (s *settings) checkUsers() (errs []error) {
	for _, c := range s.users {
		if _, twice := s.accounts[c.name]; twice {
			errs = append(errs, fmt.Errorf("%s: %q is in a configuration file, too; leave one of the two", s.head("user"), c.name))
		}
	}
	all := s.withAnonymous()
	if s.dir == "" && !s.unsure("dir") && !s.unsureWithin("user") && !s.unsureWithin("group") && (s.nobody() || slices.ContainsFunc(slices.Collect(maps.Values(all)), needsDir)) {
		errs = append(errs, fmt.Errorf("%s: the directory to serve is missing: sallyport serve DIR, or dir = \"DIR\" in a configuration file (--config FILE, or %s)", s.head("dir"), usualConfig))
	}
	for name, a := range inOrder(all) {
		if _, err := homeOf(s.home, name); err != nil && a.from["home"] == s.at("home") {
			errs = append(errs, fmt.Errorf("%s: %w", s.head("home"), err))
		}
	}
	for name, a := range inOrder(all) {
		if a.Root != "" && a.Home == "" {
			errs = append(errs, fmt.Errorf("%s: root: the home of user %s is missing, which is in it", a.from["root"], name))
		}
	}
	errs = append(errs, s.checkPasswords()...)
	errs = append(errs, s.checkCertificates(s.tables())...)
	for _, a := range inOrder(all) {
		errs = append(errs, joined.Errors(s.checkRoots(&a))...)
	}
	return append(errs, s.checkQuotas(all)...)
}

// checkCertificates reports users who need a client certificate although no client is asked for one.
func (s *settings) checkCertificates(all map[string]account) (errs []error) {
	if s.clientCA != "" {
		return nil
	}
	for _, a := range inOrder(all) {
		for key, needed := range inOrder(map[string]bool{"certificate-login": a.Certificate, "require-certificate": a.RequireCert}) {
			if needed {
				errs = append(errs, fmt.Errorf("%s: %s: it needs client-ca, the certificates of those who sign those of clients", a.from[key], key))
			}
		}
	}
	return errs
}

// checkQuotas reports users who share a home that has a quota, but differ in the quota or in how files are stored: each
// quota would count the files of the other users, too. Users who can only read may differ, since they store nothing.
func (s *settings) checkQuotas(all map[string]account) (errs []error) {
	first := map[string]string{}
	for name, a := range inOrder(all) {
		if a.ReadOnly || s.unsureWithin(strict.Key("user", name)) || s.unsureWithin("group") {
			continue
		}
		at, _ := s.place(&a).apart()
		if at.dir == "" {
			continue
		}
		other, shared := first[at.dir]
		if !shared {
			first[at.dir] = name
			continue
		}
		b := all[other]
		if with, _ := s.place(&b).apart(); with != at && (with.quota.set || at.quota.set) {
			errs = append(errs, fmt.Errorf("%s: user %s has the home of user %s with another quota, uploads, umask, system-user, folders or check-program, or without; give both the same",
				a.from[""], name, other))
		}
	}
	return errs
}

// checkDir reports that the served directory can't be opened.
func (s *settings) checkDir() error {
	if s.dir == "" {
		return nil
	}
	return s.told("dir", openable(s.dir))
}
