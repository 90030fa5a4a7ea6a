package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/hostuser"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/pamhelper"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpdlog"
	"github.com/sallyport/sallyport/driver"
)

// pamUsers is the source of the users that PAM accepts.
type pamUsers struct {
	*questions
	settings *settings
	login    pamLogin
}

// pamLogin has the helper ask PAM about a login.
type pamLogin func(ctx context.Context, h pamhelper.Helper, user, password, peer string) (pamhelper.Answer, error)

func (s *settings) newPAMUsers(login pamLogin) *pamUsers {
	return &pamUsers{newQuestions(mostAskedOfPAM), s, login}
}

func (u *pamUsers) name() string { return "pam" }

// ask asks PAM. For PAM a name that it doesn't know is the same as a wrong password.
func (u *pamUsers) ask(ctx context.Context, at *attempt) (*account, decision, error) {
	if at.Password == "" || checkName(at.User) != nil || strings.ContainsRune(at.Password, 0) {
		return nil, notMine, nil
	}
	end, err := u.begin(ctx)
	if err != nil {
		return nil, refused, err
	}
	defer end()
	a, err := u.login(ctx, u.settings.pamHelper(), at.User, at.Password, at.Peer)
	switch {
	case err != nil:
		return nil, refused, err
	case a.Verdict == pamhelper.Down:
		return nil, refused, errors.New(withoutPassword(a.Reason, at.Password))
	case a.Verdict != pamhelper.Accepted:
		err := driver.ErrLogin
		if a.Told != "" {
			err = &driver.Error{Code: 530, Text: a.Told}
		}
		return nil, refused, &refusal{fmt.Errorf("user %q: %s: %w", at.User, withoutPassword(a.Reason, at.Password), err)}
	}
	found, v, err := u.settings.hostAccount(hostuser.User{Name: at.User, UID: a.User.UID, GID: a.User.GID, Groups: a.User.Groups, Home: a.User.Home})
	if err == nil && u.settings.pamUser != "" {
		found.kind = vsftpdlog.Guest
	}
	if err == nil && u.settings.pamUser == "" && u.settings.pamSession { // PAM opens no session for whom this host doesn't know
		found.session = a.User.Name
	}
	return found, v, err
}

// usualHelper is the name of the helper, which is in the directory of this program unless an option says
// otherwise.
const usualHelper = "sallyport-pam"

// pamHelper returns the helper as the options name it.
func (s *settings) pamHelper() pamhelper.Helper {
	path := s.pamProgram
	if path == "" {
		own, _ := os.Executable() // without it the start of the helper fails
		path = filepath.Join(filepath.Dir(own), usualHelper)
	}
	return pamhelper.Helper{Path: path, Service: s.pamService, As: s.pamUser}
}

// checkPAM reports what is wrong with the options of PAM as far as the options alone show.
func (s *settings) checkPAM() (errs mistakes) {
	if !s.pam {
		return nil
	}
	if s.runAs == "" {
		errs.say("%s needs %s: one process would touch the files of all with its own rights; have root start the server on Linux with run-as = \"sallyport\", or give users tables", s.at("pam"), s.at("run-as"))
	}
	if s.pamService == "" || strings.ContainsAny(s.pamService, "/\x00") || s.pamService[0] == '.' {
		errs.say("%s: %q is no name of a service; want one such as sallyport, whose file is /etc/pam.d/sallyport", s.head("pam-service"), s.pamService)
	}
	switch {
	case strings.Contains(s.pamUser, ":"):
		errs.say("%s: %q is no name of a user of this host, as whom NSS knows PAM's users then", s.head("pam-user"), s.pamUser)
	case s.pamUser != "" && s.runAs != "":
		_, err := s.systemUserFor(s.pamUser)
		errs.add(s.head("pam-user"), err)
	}
	if s.pamProgram != "" && !filepath.IsAbs(s.pamProgram) {
		errs.say("%s: %q is no absolute path; want one such as /usr/local/bin/%s", s.head("pam-helper"), s.pamProgram, usualHelper)
	}
	return errs
}

// pamDirs are the directories where PAM looks for the file of a service.
var pamDirs = []string{"/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"}

// canAskPAM reports why PAM can't be asked, and the cure. It reports nothing unless root runs it: nobody
// else can start such a server.
func (s *settings) canAskPAM() error {
	if !s.pam || os.Geteuid() != 0 {
		return nil
	}
	var errs mistakes
	h := s.pamHelper()
	at := s.at("pam-helper")
	if s.pamProgram == "" {
		at = s.at("pam")
	}
	if _, err := os.Stat(h.Path); errors.Is(err, os.ErrNotExist) {
		errs.say("%s: there is no %s, which asks PAM; build it (go install -tags pam github.com/sallyport/sallyport/cmd/sallyport-pam@latest, with gcc and libpam0g-dev), put it beside this program, or say by pam-helper where it is", at, h.Path)
	} else if err := askHelper(h); err != nil {
		errs.say("%s: %s: %w", at, h.Path, err)
	}
	if !s.hasService() {
		errs.say("%s: PAM has no file %s, and would ask those of \"other\"; docs/operating.md shows one", s.head("pam-service"), filepath.Join(pamDirs[0], s.pamService))
	}
	return errors.Join(errs...)
}

// hasService reports whether PAM has rules for the service.
func (s *settings) hasService() bool {
	for _, dir := range pamDirs {
		if _, err := os.Stat(filepath.Join(dir, s.pamService)); err == nil {
			return true
		}
	}
	text, _ := os.ReadFile("/etc/pam.conf") // few have one
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == s.pamService {
			return true
		}
	}
	return false
}

// lookAtPAM warns of what PAM's options mean together with other options.
func (c *inspection) lookAtPAM() {
	if !c.pam {
		return
	}
	if c.systemSource {
		c.warn("%s: PAM is asked about those only whom %s doesn't know, so its rules for users of this host don't hold", c.at("pam"), c.at("system-users"))
	}
	h := c.pamHelper()
	c.rights(cmp.Or(c.pamProgram, h.Path), h.Path, 0o002)
}
