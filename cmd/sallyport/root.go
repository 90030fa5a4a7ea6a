package main

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
)

// passwdRoot is the root of users of this host who see what stands before /./ in the home of the passwd file, if it
// stands there, and else the home.
const passwdRoot = "passwd"

// checkRoot returns what is wrong with the root of an account. It accepts a home that is not known yet.
func (a *account) checkRoot() error {
	switch {
	case a.Root == "" || a.Root == passwdRoot:
		return nil
	case !filepath.IsAbs(a.Root):
		return fmt.Errorf("%q is no absolute path, such as /; nor is it \"passwd\"", a.Root)
	case a.Quota.set, len(a.Folders) > 0:
		return errors.New("a quota and folders are of the home, and the user sees more than that; leave them out, or the root")
	case a.Home != "" && (!filepath.IsAbs(a.Home) || !within(a.Root, a.Home)):
		return fmt.Errorf("the home %q is not in %s, which the user is to see", a.Home, a.Root)
	}
	return nil
}

// start returns the directory that sessions start in, as the user sees it.
func (a *account) start() string {
	if a.Root == "" {
		return a.Start
	}
	rel, err := filepath.Rel(a.Root, a.Home)
	if err != nil {
		return a.Start
	}
	if start := path.Join(filepath.ToSlash(rel), a.Start); start != "." {
		return start
	}
	return ""
}
