package main

import (
	"cmp"
	"errors"
	"fmt"
	"os/user"
	"runtime"
	"strconv"
	"strings"
)

// identity is a user of the system, as the rights of a process: UID, GID and groups.
type identity struct {
	uid, gid int
	groups   []int // besides gid
}

// String returns the numbers. Two identities have the same string if they have the same rights.
func (id identity) String() string {
	text := fmt.Sprintf("%d:%d", id.uid, id.gid)
	for i, group := range id.groups {
		text += fmt.Sprintf("%c%d", "+,"[min(i, 1)], group)
	}
	return text
}

// systemUserOf returns the system user whose rights the files of a user are touched with; empty if one process
// serves.
func (s *settings) systemUserOf(a *account) string {
	switch {
	case s.runAs == "":
		return ""
	case a.rights != nil:
		return a.rights.String()
	}
	return cmp.Or(a.SystemUser, s.systemUser)
}

// lookUpSystemUser looks up a user of this host by name, or takes UID:GID as it is.
func lookUpSystemUser(name string) (id identity, err error) {
	if uid, gid, ok := strings.Cut(name, ":"); ok {
		u, err1 := strconv.ParseUint(uid, 10, 31)
		g, err2 := strconv.ParseUint(gid, 10, 31)
		if err1 != nil || err2 != nil {
			return id, fmt.Errorf("%q is neither a name nor UID:GID, such as 1001:1001", name)
		}
		return identity{uid: int(u), gid: int(g)}, nil
	}
	who, err := user.Lookup(name)
	if errors.As(err, new(user.UnknownUserError)) {
		return id, fmt.Errorf("there is no user %q on this host; make one (useradd --system %s), or give UID:GID", name, shell(name))
	}
	if err != nil {
		return id, err
	}
	groups, err := who.GroupIds()
	if err != nil {
		return id, fmt.Errorf("the groups of %q: %w", name, err)
	}
	if id.uid, err = strconv.Atoi(who.Uid); err == nil {
		id.gid, err = strconv.Atoi(who.Gid)
	}
	for _, g := range groups {
		if n, err := strconv.Atoi(g); err == nil && n != id.gid {
			id.groups = append(id.groups, n)
		}
	}
	return id, err
}

// checkSystemUsers looks up the users of this host that options and tables name, and reports those that can't be
// used.
func (s *settings) checkSystemUsers() (errs mistakes) {
	all := s.withAnonymous()
	if s.runAs == "" {
		if s.sandbox != sandboxBestEffort {
			errs.say("%s needs %s: one process has to do everything, and is not confined", s.at("sandbox"), s.at("run-as"))
		}
		if s.systemUser != "" {
			errs.say("%s needs %s: one process touches all files with its own rights", s.at("system-user"), s.at("run-as"))
		}
		for _, a := range inOrder(all) {
			if a.GiveTo.set {
				errs.say("%s: give-uploads-to needs %s: one process keeps to its own rights", a.from["give-uploads-to"], s.at("run-as"))
			}
			if a.SystemUser != "" {
				errs.say("%s: system-user needs %s: one process touches all files with its own rights", a.from["system-user"], s.at("run-as"))
			}
		}
		return errs
	}
	if runtime.GOOS != "linux" {
		errs.say("%s: a server can be split into processes on Linux only", s.head("run-as"))
		return errs
	}
	s.systemUsers = map[string]identity{}
	own, err := s.findSystemUser(s.runAs, 1)
	errs.add(s.head("run-as"), err)
	s.systemUsers[s.runAs] = own
	if s.nobody() {
		all = map[string]account{demoUser: {}}
	}
	wrong := map[string]bool{} // what was reported already
	if s.systemUser != "" {    // programs and endpoints may rely on it
		_, err := s.systemUserFor(s.systemUser)
		errs.add(s.head("system-user"), err)
		wrong[s.at("system-user")+s.systemUser] = true
	}
	for name, a := range inOrder(all) {
		as, at := s.systemUserOf(&a), s.at("system-user")
		if a.SystemUser != "" {
			at = a.from["system-user"] + ": system-user"
		}
		if as == "" {
			errs.say("%s: user %s needs a system-user, with whose rights its files are touched, or all need %s", cmp.Or(a.from[""], s.at("user")), name, at)
			continue
		}
		id, err := s.systemUserFor(as)
		if err == nil {
			s.systemUsers[as] = id
		}
		if err != nil && !wrong[at+as] {
			errs.add(at, err)
			wrong[at+as] = true
		}
	}
	return errs
}

// findSystemUser returns a user of this host, or an error if the user's UID is below least.
func (s *settings) findSystemUser(name string, least int) (id identity, err error) {
	id, known := s.systemUsers[name]
	if !known {
		if id, err = lookUpSystemUser(name); err != nil {
			return id, err
		}
	}
	return id, s.checkNumber(id, name, least)
}

// checkNumber returns an error for root and for a user whose UID is below least.
func (s *settings) checkNumber(id identity, name string, least int) error {
	switch {
	case id.uid == 0:
		return fmt.Errorf("%q is root, with whose rights nothing is done for clients", name)
	case id.uid < least:
		return fmt.Errorf("%q has the number %d, below %s %d: those are of the system's own services", name, id.uid, s.at("uid-min"), least)
	}
	return nil
}

// systemUserFor returns a user of this host, or an error if clients' files may not be touched with the user's
// rights.
func (s *settings) systemUserFor(name string) (identity, error) {
	id, err := s.findSystemUser(name, s.uidMin)
	if err == nil {
		err = s.allows(id, name)
	}
	return id, err
}

// rightsOf returns the rights that the files of an account at a place are touched with.
func (s *settings) rightsOf(a *account, at place) (identity, error) {
	if a.rights != nil {
		return *a.rights, s.allows(*a.rights, at.as)
	}
	return s.systemUserFor(at.as)
}

// allows returns why clients' files may not be touched with the rights of a user; nil if they may.
func (s *settings) allows(id identity, name string) error {
	err := s.checkNumber(id, name, s.uidMin)
	if err == nil && id.uid == s.systemUsers[s.runAs].uid {
		err = fmt.Errorf("%q is the user of %s: what clients reach would have the rights of the files", name, s.at("run-as"))
	}
	return err
}

// checkSystemUserOf returns why the files of a user whom only a program or an endpoint knows can't be touched.
func (s *settings) checkSystemUserOf(a *account) error {
	as := s.systemUserOf(a)
	switch {
	case s.runAs == "" && a.SystemUser == "":
		return nil
	case s.runAs == "":
		return fmt.Errorf("it needs %s: one process touches all files with its own rights", s.at("run-as"))
	case as == "":
		return fmt.Errorf("it is missing, and %s says nothing for all", s.at("system-user"))
	}
	_, err := s.systemUserFor(as)
	return err
}
