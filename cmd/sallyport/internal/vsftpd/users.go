package vsftpd

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// lateOptions are the options that vsftpd looks at after a login, so that the file of a user can set them.
var lateOptions = []string{
	"accept_timeout", "anon_max_rate", "anon_mkdir_write_enable", "anon_other_write_enable", "anon_root", "anon_umask",
	"anon_upload_enable", "anon_world_readable_only", "ascii_download_enable", "ascii_upload_enable", "async_abor_enable",
	"chmod_enable", "chown_upload_mode", "chown_uploads", "chown_username", "cmds_allowed", "cmds_denied", "connect_timeout",
	"data_connection_timeout", "delete_failed_uploads", "deny_file", "dirlist_enable", "dirmessage_enable", "download_enable",
	"download_file", "file_open_mode", "force_anon_data_ssl", "force_dot_files", "force_local_data_ssl", "guest_enable",
	"guest_username", "hide_file", "hide_ids", "idle_session_timeout", "local_max_rate", "local_root", "local_umask",
	"lock_upload_files", "log_ftp_protocol", "ls_recurse_enable", "mdtm_write", "message_file", "passwd_chroot_enable",
	"pasv_address", "pasv_enable", "pasv_max_port", "pasv_min_port", "pasv_promiscuous", "port_enable", "port_promiscuous",
	"require_ssl_reuse", "strict_ssl_read_eof", "strict_ssl_write_shutdown", "text_userdb_names", "tilde_user_enable",
	"trans_chunk_size", "upload_file", "use_localtime", "use_sendfile", "user_sub_token", "virtual_use_local_privs", "write_enable",
}

// tableKeys are the options of the server that tables of users have, too.
var tableKeys = []string{"disable", "idle-timeout", "uploads"}

// users gives each user for whom something else holds a table with what is different. These are the users with a file,
// and those of the list of chroot. vsftpd reads the file of a user who has logged in over what holds for all; Sallyport
// reads all of them at the start.
func (t *Translation) users() {
	if len(t.Mistakes) > 0 { // they would be there for each user
		return
	}
	files := t.userFiles()
	for _, name := range t.chrootList {
		if files[name] == "" {
			files[name] = "" // none
		}
	}
	var all []*Translation
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if own := t.of(name, files[name]); own != nil {
			all = append(all, own)
		}
	}
	t.shareDisabled(all)
	for _, own := range all {
		t.addUser(own)
	}
}

// userFiles returns the files of single users, by user.
func (t *Translation) userFiles() map[string]string {
	files := map[string]string{}
	dir := t.Text("user_config_dir")
	if dir == "" {
		return files
	}
	names, err := t.host.List(dir)
	if err != nil {
		t.tell("user_config_dir", "there are no files of users: %v", err)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, "~") { // those of editors
			files[name] = path.Join(dir, name)
		}
	}
	return files
}

// of returns the translation of what holds for a user; nil if the file of the user has mistakes, which are added. file
// is empty for none.
func (t *Translation) of(name, file string) *Translation {
	read := &Config{AnyOwner: t.AnyOwner}
	if file != "" {
		read.fileBy(t.host.Conf, file)
	}
	t.Notes = append(t.Notes, read.Notes...)
	if len(read.Mistakes) > 0 {
		t.Mistakes = append(t.Mistakes, read.Mistakes...)
		return nil
	}
	c := &Config{set: maps.Clone(t.set)}
	if c.set == nil {
		c.set = map[string]setting{}
	}
	for _, option := range slices.Sorted(maps.Keys(read.set)) {
		s := read.set[option]
		if slices.Contains(lateOptions, option) {
			c.set[option] = s
		} else if !t.sameAs(s.value, option) {
			t.Notes = append(t.Notes, Note{s.place, fmt.Sprintf("%s=%s: it counts for nothing here, since this is decided before a user has logged in", option, s.value)})
		}
	}
	own := &Translation{Config: c, host: t.host, whole: t, user: name, file: cmp.Or(file, t.Text("chroot_list_file"))}
	own.translate()
	for _, m := range own.Mistakes {
		if !slices.ContainsFunc(t.Mistakes, func(had *Mistake) bool { return *had == *m }) {
			t.Mistakes = append(t.Mistakes, m)
		}
	}
	for _, n := range own.Notes {
		if !slices.Contains(t.Notes, n) {
			t.Notes = append(t.Notes, n)
		}
	}
	return own
}

// sameAs reports whether a value means what an option is set to.
func (t *Translation) sameAs(value, option string) bool {
	if known(option).Kind == Bool {
		yes, _ := parseBool(value)
		return yes == t.Yes(option)
	}
	return value == t.Text(option)
}

// shareDisabled leaves among the commands that nobody may use those that no file of a user allows. The others are
// disabled for each kind of user.
func (t *Translation) shareDisabled(all []*Translation) {
	i := slices.IndexFunc(t.Lines, func(l Line) bool { return l.Table == "" && l.Key == "disable" })
	if i < 0 {
		return
	}
	line := t.Lines[i]
	var common, apart []string
	for _, command := range line.Value.([]string) {
		if slices.ContainsFunc(all, func(own *Translation) bool { return !slices.Contains(own.disabled(""), command) }) {
			apart = append(apart, command)
		} else {
			common = append(common, command)
		}
	}
	if len(apart) == 0 {
		return
	}
	t.Lines[i].Value = common
	for _, table := range []string{localTable, anonymousTable} {
		if !slices.ContainsFunc(t.Lines, func(l Line) bool { return l.Table == table }) {
			continue
		}
		line.Table, line.Value = table, union(t.disabled(table), apart)
		t.Lines = slices.DeleteFunc(t.Lines, func(l Line) bool { return l.Table == table && l.Key == "disable" })
		t.Lines = append(t.Lines, line)
	}
}

// disabled returns the commands that a table switches off.
func (t *Translation) disabled(table string) []string {
	all, _ := t.value(table, "disable").([]string)
	return all
}

// union returns the strings of two lists, each once and in order.
func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// addUser adds the table of a user with a file: what is different from what holds for all users. The file of the user
// as whom anonymous users are served is theirs.
func (t *Translation) addUser(own *Translation) {
	table, group := strict.Key("user", own.user), localTable
	switch {
	case t.Yes("anonymous_enable") && own.user == t.Text("ftp_username"):
		table, group = anonymousTable, anonymousTable
	case !t.Yes("local_enable"):
		return
	}
	lines := t.differences(own, group)
	if len(lines) == 0 && t.guest() == own.guest() {
		return
	}
	if group == anonymousTable {
		t.Lines = slices.DeleteFunc(t.Lines, func(l Line) bool {
			return l.Table == group && slices.ContainsFunc(lines, func(other Line) bool { return other.Key == l.Key })
		})
	} else {
		lines = append([]Line{own.line("host-login", true), own.line("group", localGroup)}, append(t.rights(own), lines...)...)
	}
	for _, l := range lines {
		l.Table = table
		t.Lines = append(t.Lines, l)
	}
}

// differences returns the lines of the table of a user that differ from those of the group, and tells of what can't be
// different for one user.
func (t *Translation) differences(own *Translation, group string) (lines []Line) {
	for _, l := range own.Lines {
		switch {
		case l.Key == "disable" || reflect.DeepEqual(l.Value, t.value(l.Table, l.Key)):
		case l.Table == group || l.Table == "" && slices.Contains(tableKeys, l.Key):
			lines = append(lines, l)
		case l.Table == "" && l.Key != "pam-user":
			t.tellUnheard(own, l)
		}
	}
	for _, l := range t.Lines {
		switch {
		case l.Key == "disable" || own.value(l.Table, l.Key) != nil:
		case l.Table == group:
			lines = append(lines, own.line(l.Key, none(l)))
		case l.Table == "" && l.Key != "pam-user":
			t.tellUnheard(own, l)
		}
	}
	less := func(all []string) []string {
		return slices.DeleteFunc(union(all, nil), func(c string) bool { return slices.Contains(t.disabled(""), c) })
	}
	disabled := less(append(own.disabled(""), own.disabled(group)...))
	if !slices.Equal(disabled, less(t.disabled(group))) {
		lines = append(lines, own.line("disable", disabled))
	}
	return lines
}

// line returns a line that stems from the file of a user.
func (t *Translation) line(key string, value any) Line {
	return Line{Key: key, Value: value, Place: Place{File: t.file}, From: []string{t.file}}
}

// tellUnheard notes that a line holds for all users, although the file of one says something else.
func (t *Translation) tellUnheard(own *Translation, l Line) {
	at := l.Place
	if at.File != own.file {
		at = Place{File: own.file}
	}
	t.Notes = append(t.Notes, Note{at, fmt.Sprintf("%s can't be different for one user, and stays what the server's file says: %s", l.Key, strings.Join(l.From, "; "))})
}

// none returns the value with which a key means as much as without a line.
func none(l Line) any {
	if strings.HasPrefix(l.Key, "rate-") {
		return "0 B/s"
	}
	return reflect.Zero(reflect.TypeOf(l.Value)).Interface()
}

// rights returns the line that says with whose rights the files of a user are touched, if not with those of all.
func (t *Translation) rights(own *Translation) []Line {
	as := own.guest()
	switch {
	case as == t.guest():
		return nil
	case as == "":
		as = own.user
	}
	return []Line{own.line("system-user", as)}
}

// guest returns the user of the host that all users are; empty if each is its own.
func (t *Translation) guest() string {
	if t.Yes("guest_enable") {
		return t.Text("guest_username")
	}
	return ""
}

// ownHome returns the home directory of the user of a file.
func (t *Translation) ownHome() string {
	home, err := t.host.Home(t.user)
	if err != nil {
		t.Mistakes = append(t.Mistakes, &Mistake{"cannot locate user entry:" + t.user, Place{File: t.file}, err.Error()})
	}
	return home
}
