package hostuser

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Files holds the texts of a host's files of users.
type Files struct {
	Passwd, Shadow, Group []byte

	Shells   []byte // nil if there is no such file, which allows the Bourne and the C shell
	FTPUsers []byte // the names that may not use FTP; nil for none
}

// Names of the files.
var (
	Needed = []string{"passwd", "shadow", "group"}
	Others = []string{"shells", "ftpusers"} // a host may lack these
)

// Text returns a pointer to the text of the file of a name, nil for other names.
func (f *Files) Text(name string) *[]byte {
	switch name {
	case "passwd":
		return &f.Passwd
	case "shadow":
		return &f.Shadow
	case "group":
		return &f.Group
	case "shells":
		return &f.Shells
	case "ftpusers":
		return &f.FTPUsers
	}
	return nil
}

// User is a user of a host.
type User struct {
	Name     string
	UID, GID int
	Groups   []int // besides GID
	Home     string
	Shell    string
}

// Users yields the users of a passwd file with the numbers of their lines. If a name occurs several times, only the
// first counts. Lines that make no sense are left out, and so are those that include other sources (+NAME, -NAME).
func Users(passwd []byte) iter.Seq2[int, User] {
	return func(yield func(int, User) bool) {
		seen := map[string]bool{}
		for line, fields := range fieldsOf(passwd, 7) {
			uid, err1 := strconv.ParseUint(fields[2], 10, 31)
			gid, err2 := strconv.ParseUint(fields[3], 10, 31)
			name := fields[0]
			if err1 != nil || err2 != nil || name == "" || name[0] == '+' || name[0] == '-' || seen[name] {
				continue
			}
			seen[name] = true
			if !yield(line, User{Name: name, UID: int(uid), GID: int(gid), Home: fields[5], Shell: fields[6]}) {
				return
			}
		}
	}
}

// user returns the user of a name, with the user's groups.
func (f *Files) user(name string) (User, bool) {
	for _, u := range Users(f.Passwd) {
		if u.Name == name {
			u.Groups = f.groups(name, u.GID)
			return u, true
		}
	}
	return User{}, false
}

// groups returns the groups that name a user, except for own.
func (f *Files) groups(name string, own int) (all []int) {
	for _, fields := range fieldsOf(f.Group, 4) {
		gid, err := strconv.ParseUint(fields[2], 10, 31)
		if err != nil || int(gid) == own || slices.Contains(all, int(gid)) {
			continue
		}
		if slices.Contains(strings.Split(fields[3], ","), name) {
			all = append(all, int(gid))
		}
	}
	return all
}

// fieldsOf yields the lines that have the given number of fields, with the numbers of the lines.
func fieldsOf(text []byte, fields int) iter.Seq2[int, []string] {
	return func(yield func(int, []string) bool) {
		n := 0
		for line := range bytes.Lines(text) {
			n++
			if all := strings.Split(strings.TrimRight(string(line), "\r\n"), ":"); len(all) == fields && !yield(n, all) {
				return
			}
		}
	}
}

// names reports whether a list has a line that is text. # begins a comment.
func names(list []byte, text string) bool {
	for line := range bytes.Lines(list) {
		entry, _, _ := strings.Cut(string(line), "#")
		if strings.TrimSpace(entry) == text {
			return true
		}
	}
	return false
}
