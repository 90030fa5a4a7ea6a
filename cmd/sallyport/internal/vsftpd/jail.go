package vsftpd

import (
	"slices"
	"strings"
	"unicode"
)

// jailed reports whether the user of a translation, or who is in no list, sees the home and nothing above it.
func (t *Translation) jailed() bool {
	if t.Yes("guest_enable") && !t.Yes("virtual_use_local_privs") {
		return true
	}
	listed := t.whole != nil && slices.Contains(t.whole.chrootList, t.user)
	return t.Yes("chroot_local_user") != listed
}

// readChrootList reads the users for whom the opposite of chroot_local_user holds. vsftpd compares whole lines. A line
// with blanks around the name counts only if it jails the user.
func (t *Translation) readChrootList() {
	if !t.Yes("chroot_list_enable") || !t.Yes("local_enable") {
		return
	}
	file := t.Text("chroot_list_file")
	text, err := t.host.Read(file)
	if err != nil {
		t.mistake("could not read chroot() list file:"+file, t.At("chroot_list_file"), "%v", err)
		return
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		name := strings.TrimSpace(line)
		switch {
		case name == "" || name[0] == '#':
		case strings.ContainsFunc(name, func(r rune) bool { return r == ':' || unicode.IsControl(r) }):
			t.Notes = append(t.Notes, Note{Place{file, i + 1}, "this is no name of a user, and counts for nothing: " + name})
		case name != line && t.Yes("chroot_local_user"):
			t.Notes = append(t.Notes, Note{Place{file, i + 1}, "there are blanks around the name, and vsftpd wouldn't know it: " + name + " sees nothing above the home"})
		default:
			t.chrootList = append(t.chrootList, name)
		}
	}
}
