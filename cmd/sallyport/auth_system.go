package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/hostuser"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
	"github.com/sallyport/sallyport/driver"
)

// systemUsers is the source of the users in this host's passwd and shadow files.
type systemUsers struct {
	settings *settings
	judge    judge
}

// judge judges a login by the passwd and shadow files in a directory.
type judge func(ctx context.Context, dir, user, password string) (hostuser.Verdict, error)

func (u *systemUsers) name() string { return "system-users" }

func (u *systemUsers) ask(ctx context.Context, at *attempt) (*account, decision, error) {
	if at.Password == "" || checkName(at.User) != nil {
		return nil, notMine, nil
	}
	v, err := u.judge(ctx, u.settings.systemDir, at.User, at.Password)
	switch {
	case err != nil:
		return nil, refused, err
	case !v.Known:
		return nil, notMine, nil
	case v.Told != "":
		return nil, refused, &refusal{fmt.Errorf("user %q: %s: %w", at.User, v.Reason, &driver.Error{Code: 530, Text: v.Told})}
	case v.Reason != "":
		return nil, refused, &refusal{fmt.Errorf("user %q: %s: %w", at.User, v.Reason, driver.ErrLogin)}
	}
	return u.settings.hostAccount(v.User)
}

// refusal is why a source refuses a login. [chain.admit] makes that the whole error of the login.
type refusal struct{ why error }

func (r *refusal) Error() string { return r.why.Error() }

// hostAccount returns the account of a user of this host whose password is right: what the user's table says, or else
// the group of all such users. The rights are those of the user unless the table names another.
func (s *settings) hostAccount(u hostuser.User) (*account, decision, error) {
	a, own := s.hosted[u.Name]
	if !own {
		a = account{Group: s.systemGroup}
		for _, p := range s.groups.complete(strict.Key("user", u.Name), u.Name, &a, strict.Places{}) {
			return nil, refused, &refusal{fmt.Errorf("user %q: %s: %w", u.Name, p.Text, driver.ErrLogin)}
		}
	}
	if a.SystemUser == "" {
		as := identity{uid: u.UID, gid: u.GID, groups: u.Groups}
		if err := s.allows(as, u.Name); err != nil {
			return nil, refused, &refusal{fmt.Errorf("%w: %w", err, driver.ErrLogin)}
		}
		a.rights = &as
	}
	if a.Root == passwdRoot {
		a.Root, _, _ = strings.Cut(u.Home, "/./")
		if a.Root == u.Home {
			a.Root = ""
		}
	}
	if a.Home == "" {
		a.Home = u.Home
		if !filepath.IsAbs(u.Home) {
			return nil, refused, &refusal{fmt.Errorf("user %q: the home %q of the passwd file is no absolute path: %w", u.Name, u.Home, driver.ErrLogin)}
		}
	}
	a.Password, a.Certificate = "", false
	if err := errors.Join(a.checkRoot(), s.checkRoots(&a)); err != nil {
		return nil, refused, &refusal{fmt.Errorf("user %q: %w: %w", u.Name, err, driver.ErrLogin)}
	}
	return &a, accepted, nil
}

// usualSystemDir is the directory of a host's passwd and shadow files.
const usualSystemDir = "/etc"

// checkSystemSource reports what is wrong with the options of users of this host as far as the options alone show.
func (s *settings) checkSystemSource() (errs mistakes) {
	if s.systemSource && s.runAs == "" {
		errs.say("%s needs %s: one process would touch the files of all with its own rights; have root start the server on Linux with run-as = \"sallyport\", or give users tables", s.at("system-users"), s.at("run-as"))
	}
	if s.systemSource && !filepath.IsAbs(s.systemDir) {
		errs.say("%s: %q is no absolute path; want one such as %s", s.head("system-users-dir"), s.systemDir, usualSystemDir)
	}
	if s.systemGroup == "" || !s.systemSource && !s.pam {
		return errs
	}
	g, known := s.groups.tables[s.systemGroup]
	if !known {
		cure := fmt.Sprintf("begin one by [group.%s]", s.systemGroup)
		if like := strict.Nearest(s.systemGroup, slices.Collect(maps.Keys(s.groups.tables))); like != "" {
			cure = fmt.Sprintf("did you mean %s?", like)
		}
		errs.say("%s: there is no group %q; %s", s.head("system-users-group"), s.systemGroup, cure)
	}
	if g.SystemUser != "" {
		errs.say("%s: users of this host have their own rights; leave system-user out, or name another group in %s", s.groups.places[strict.Key("group", s.systemGroup, "system-user")].String(), s.at("system-users-group"))
	}
	if g.Home != "" && !filepath.IsAbs(g.Home) && s.dir == "" {
		errs.say("%s: the home %q is in the directory that is served, and there is none; want an absolute path", s.groups.places[strict.Key("group", s.systemGroup, "home")].String(), g.Home)
	}
	for name, f := range inOrder(g.Folders) {
		if f.Dir != "" && !filepath.IsAbs(f.Dir) && s.dir == "" {
			at := s.groups.places[strict.Key("group", s.systemGroup, "folders", name, "dir")]
			errs.say("%s: the folder %q is in the directory that is served, and there is none; want an absolute path", at.String(), f.Dir)
		}
	}
	return errs
}

// canJudge reports which passwd and shadow files can't be read. It reports nothing unless root runs it: nobody else
// can start such a server.
func (s *settings) canJudge() error {
	if !s.systemSource || os.Geteuid() != 0 {
		return nil
	}
	var errs mistakes
	for _, name := range hostuser.Needed {
		f, err := openHostFile(filepath.Join(s.systemDir, name))
		if err == nil {
			f.Close()
			continue
		}
		errs.say("%s needs the file: %w; on a host that keeps its users elsewhere put users into tables, or ask a program (auth-program)", s.at("system-users"), err)
	}
	return errors.Join(errs...)
}

// maxHostFile bounds a passwd or shadow file, in bytes.
const maxHostFile = 16 << 20

// openHostFile opens a regular file of at most maxHostFile bytes.
func openHostFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > maxHostFile:
		return nil, fmt.Errorf("%s has more than %d MiB", path, maxHostFile>>20)
	}
	return os.Open(path)
}

// hideSystemUsers notes the users of this host who can't log in as such, since a source that is asked before has the
// name.
func (s *settings) hideSystemUsers() {
	if !s.systemSource && (!s.pam || s.pamUser != "") {
		return
	}
	file := filepath.Join(s.systemDir, "passwd")
	passwd, err := os.ReadFile(file)
	if err != nil {
		return // canJudge reports the error
	}
	all := s.everybody() // without those of host-login, who are users of this host
	if s.anonymous != nil {
		for _, name := range anonymousNames {
			if _, taken := all[name]; !taken {
				all[name] = *s.anonymous
			}
		}
	}
	for name, line := range inOrder(hostuser.Known(passwd, slices.Collect(maps.Keys(all)), s.uidMin)) {
		s.hide(fmt.Sprintf("%s:%d", file, line), name, all[name].from[""])
	}
}

// tellSystemUsers logs at the start which users system-users knows.
func (s *settings) tellSystemUsers(log *slog.Logger) {
	if s.systemSource {
		log.Info("users of this host are those of files, and NSS is not asked: LDAP, SSSD and the like know others", "passwd", filepath.Join(s.systemDir, "passwd"))
	}
}

// lookAtSystemUsers warns of users whom the files of this host don't have.
func (c *inspection) lookAtSystemUsers() {
	if c.systemGroup != "" && !c.systemSource && !c.pam {
		c.warn("%s means nothing without %s or %s", c.at("system-users-group"), c.at("system-users"), c.at("pam"))
	}
	if !c.systemSource {
		return
	}
	if os.Geteuid() != 0 {
		c.notes = append(c.notes, fmt.Sprintf("%s: whether %s can be read can be seen by root only", c.at("system-users"), filepath.Join(c.systemDir, "shadow")))
	}
	if others := c.otherSources(); len(others) > 0 {
		c.warn("%s: users of %s stand in no file, and can't log in: NSS is not asked", c.at("system-users"), strings.Join(others, ", "))
	}
	c.rights(filepath.Join(c.systemDir, "shadow"), filepath.Join(c.systemDir, "shadow"), 0o006)
}

// otherSources returns the sources besides files from which this host takes users, as nsswitch.conf names them.
func (s *settings) otherSources() (others []string) {
	text, _ := os.ReadFile(filepath.Join(s.systemDir, "nsswitch.conf")) // most have none, or one that is harmless
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "passwd:" {
			continue
		}
		for _, word := range words[1:] {
			if !slices.Contains([]string{"files", "compat", "systemd"}, word) && !strings.HasPrefix(word, "[") {
				others = append(others, word)
			}
		}
	}
	return others
}
