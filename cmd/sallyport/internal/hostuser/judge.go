package hostuser

import (
	"context"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
)

// Verdict is the judgement of a login by the files of a host.
type Verdict struct {
	Known bool // a user has the name
	User  User

	// Reason is why the login of a known user is refused, for the log; empty if the login is accepted.
	Reason string
	// Told is what the client may hear of Reason. It is set only if the password is right.
	Told string
}

// Judge judges a login. check compares a password with a hash. Each login costs one comparison, even that of an unknown
// name, provided that any user has a password.
func (f *Files) Judge(ctx context.Context, check func(ctx context.Context, hash, password string) (bool, error), name, password string, now time.Time) (Verdict, error) {
	u, known := f.user(name)
	entry, listed := f.shadow(name)
	hash, reason := entry.hash, ""
	if known {
		reason = entry.unusable(listed)
	}
	if !known || reason != "" {
		hash = f.decoy()
	}
	right, err := check(ctx, hash, password)
	if err != nil || !known {
		return Verdict{}, err
	}
	v := Verdict{Known: true, User: u, Reason: reason}
	switch {
	case reason != "":
	case !right:
		v.Reason = "the password is wrong"
	case !f.allowsShell(u.Shell):
		v.Reason = "the shell " + strconv.Quote(u.Shell) + " is not one to log in with"
	case names(f.FTPUsers, name):
		v.Reason = "ftpusers names the user"
	default:
		v.Reason, v.Told = entry.expired(now)
	}
	return v, nil
}

// allowsShell reports whether a user with a shell may log in: /etc/shells must have the shell. Shells that let nobody
// in are refused even if they are listed.
func (f *Files) allowsShell(shell string) bool {
	if shell == "" {
		shell = "/bin/sh" // passwd(5)
	}
	if base := path.Base(shell); base == "nologin" || base == "false" {
		return false
	}
	if f.Shells == nil {
		return shell == "/bin/sh" || shell == "/bin/csh" // getusershell(3)
	}
	return names(f.Shells, shell)
}

// shadow is a line of a shadow file: shadow(5). Days count from 1970-01-01; -1 stands for a field that is not set.
type shadow struct {
	hash                            string
	changed, most, inactive, expire int
	odd                             bool // one of these is neither a number nor empty
}

// shadow returns the line of a user in the shadow file.
func (f *Files) shadow(name string) (shadow, bool) {
	for _, fields := range fieldsOf(f.Shadow, 9) {
		if fields[0] == name {
			s := shadow{hash: fields[1]}
			for i, to := range map[int]*int{2: &s.changed, 4: &s.most, 6: &s.inactive, 7: &s.expire} {
				var ok bool
				*to, ok = days(fields[i])
				s.odd = s.odd || !ok
			}
			return s, true
		}
	}
	return shadow{}, false
}

// days parses a number of days, and reports whether the text makes sense. Numbers that no date has are as good as none.
func days(text string) (n int, ok bool) {
	value, err := strconv.ParseInt(text, 10, 32)
	switch {
	case text == "" || errors.Is(err, strconv.ErrRange):
		return -1, true
	case err != nil:
		return -1, false
	}
	return max(int(value), -1), true
}

// unusable returns why nobody can log in by the password of a line; empty if somebody can.
func (s shadow) unusable(listed bool) string {
	switch {
	case !listed:
		return "the shadow file has no line of the user"
	case s.hash == "":
		return "the user has no password"
	case strings.HasPrefix(s.hash, "!") || strings.HasPrefix(s.hash, "*"):
		return "the password is locked"
	case strings.HasPrefix(s.hash, "$token$"):
		return "the hash is of a kind that no shadow file has"
	case s.odd:
		return "a date in the shadow file is no number of days, so nobody knows whether it is over"
	}
	if err := passhash.Validate(s.hash); err != nil {
		return err.Error()
	}
	return ""
}

// expired returns why the user may not log in at a time, for the log and for the client. A user who has to change the
// password first is refused, since FTP has no way to do that.
func (s shadow) expired(now time.Time) (reason, told string) {
	today := int(now.Unix() / (24 * 60 * 60))
	age := today - s.changed
	switch {
	case s.expire >= 0 && today >= s.expire:
		return "the account has expired", "This account has expired."
	case s.changed == 0:
		return "the password has to be changed at the first login", "The password has to be changed first, and not by FTP."
	case s.changed < 0 || s.most < 0 || age <= s.most:
		return "", ""
	case s.inactive >= 0 && age > s.most+s.inactive:
		return "the password has expired, and the account with it", "The password has expired. Ask for a new one."
	}
	return "the password has expired", "The password has expired. It has to be changed first, and not by FTP."
}

// decoy returns a hash to compare the password of an unknown name with, of the most usual kind in the shadow file.
func (f *Files) decoy() string {
	return passhash.Decoy(func(yield func(string) bool) {
		for _, fields := range fieldsOf(f.Shadow, 9) {
			if !yield(fields[1]) {
				return
			}
		}
	})
}

// Known returns which of some names are users with a UID of at least least, and the numbers of their lines.
func Known(passwd []byte, some []string, least int) map[string]int {
	all := map[string]int{}
	for line, u := range Users(passwd) {
		if u.UID >= least && slices.Contains(some, u.Name) {
			all[u.Name] = line
		}
	}
	return all
}
