package vsftpd

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// logins translates who may log in, whatever the kind of user.
func (t *Translation) logins() {
	if t.Yes("userlist_enable") {
		key := "allowed-users"
		if t.Yes("userlist_deny") {
			key = "refused-users"
		}
		t.put("", key, t.Text("userlist_file"), "userlist_file", "userlist_deny", "userlist_enable")
	}
	if t.Yes("tcp_wrappers") {
		t.put("", "tcp-wrappers", "vsftpd", "tcp_wrappers")
	}
}

// anonymous translates what anonymous users may do.
func (t *Translation) anonymous() {
	if !t.Yes("anonymous_enable") {
		return
	}
	t.tell("anonymous_enable", "everybody can log in as anonymous")
	if t.Text("anon_root") == "" {
		t.put(anonymousTable, "home", t.homeOf("ftp_username"), "ftp_username")
	} else if t.absolute("anon_root") {
		t.put(anonymousTable, "home", t.Text("anon_root"), "anon_root")
	}
	if !t.Yes("run_as_launching_user") {
		t.put(anonymousTable, "system-user", t.Text("ftp_username"), "ftp_username")
	}
	t.put(anonymousTable, "umask", t.umask("anon_umask"), "anon_umask")
	t.fileMode(anonymousTable)
	t.anonymousPasswords()
	t.rates(anonymousTable, "anon_max_rate")
	t.anonymousRights(anonymousTable)
	t.hidden(anonymousTable)
	t.transferable(anonymousTable)
}

// anonymousPasswords translates what anonymous users have to send as password.
func (t *Translation) anonymousPasswords() {
	if t.Yes("no_anon_password") {
		t.put(anonymousTable, "no-password", true, "no_anon_password")
	}
	if t.Yes("deny_email_enable") {
		t.put(anonymousTable, "refused-passwords", t.Text("banned_email_file"), "banned_email_file", "deny_email_enable")
	}
	if t.Yes("secure_email_list_enable") {
		t.put(anonymousTable, "passwords", t.Text("email_password_file"), "email_password_file", "secure_email_list_enable")
	}
}

// homeOf returns the home directory of the user whom an option names.
func (t *Translation) homeOf(option string) string {
	home, err := t.host.Home(t.Text(option))
	if err != nil {
		t.mistake(fmt.Sprintf("vsftpd: cannot locate user specified in '%s':%s", option, t.Text(option)), t.At(option), "%v", err)
	}
	return home
}

// locals translates what users with a password may do.
func (t *Translation) locals() {
	if !t.Yes("local_enable") {
		return
	}
	if t.Yes("run_as_launching_user") {
		t.refuse("run_as_launching_user", "one process can't serve local users with their own rights; have root start it, and remove the line")
		return
	}
	service := strings.ToLower(path.Base(t.Text("pam_service_name"))) // as PAM takes it
	t.put("", "pam", true, "local_enable")
	t.put("", "pam-service", service, "pam_service_name")
	t.put("", "pam-session", t.Yes("session_support"), "session_support")
	t.put("", "system-users-group", localGroup, "local_enable")
	if t.Yes("guest_enable") {
		t.put("", "pam-user", t.Text("guest_username"), "guest_username", "guest_enable")
	}
	t.localHome()
	t.hidden(localTable)
	t.transferable(localTable)
	t.fileMode(localTable)
	if t.Yes("guest_enable") && !t.Yes("virtual_use_local_privs") {
		t.put(localTable, "umask", t.umask("anon_umask"), "anon_umask")
		t.rates(localTable, "anon_max_rate")
		t.anonymousRights(localTable)
		return
	}
	t.put(localTable, "umask", t.umask("local_umask"), "local_umask")
	t.rates(localTable, "local_max_rate")
	if !t.Yes("write_enable") {
		t.put(localTable, "read-only", true, "write_enable")
	}
}

// localHome translates the directory of users with a password.
func (t *Translation) localHome() {
	guest := t.Yes("guest_enable")
	if !t.jailed() {
		t.put(localTable, "root", "/", "chroot_local_user", "chroot_list_enable")
		t.tell("chroot_local_user", "users see all files of this host that they may read, and begin in their home")
	} else if t.Yes("passwd_chroot_enable") {
		t.put(localTable, "root", "passwd", "passwd_chroot_enable")
	}
	root, token, options := t.Text("local_root"), t.Text("user_sub_token"), []string{"local_root"}
	switch {
	case root != "" && !t.absolute("local_root"):
		return
	case root == "" && guest:
		root, options = t.homeOf("guest_username"), []string{"guest_username"}
	case root == "" && t.whole != nil && t.whole.Yes("guest_enable"): // PAM takes all users for the guest
		root, options = t.ownHome(), []string{"guest_enable"}
	}
	if root == "" {
		return
	}
	if token != "" {
		root = strings.ReplaceAll(root, token, "{user}")
		options = append(options, "user_sub_token")
	} else if strings.Contains(root, "$") {
		t.tell(options[0], "the $ is meant literally, since user_sub_token is not set")
	}
	t.put(localTable, "home", root, options...)
}

// fileMode translates the mode of new files of the users of a table.
func (t *Translation) fileMode(table string) {
	mode := t.Number("file_open_mode")
	if mode&0o600 != 0o600 || mode > 0o777 {
		t.tell("file_open_mode", "new files can be read and written by their owner, and have no bits but those of rwx")
	}
	t.put(table, "file-mode", fmt.Sprintf("%04o", mode&0o777|0o600), "file_open_mode")
}

// umask returns an umask as Sallyport writes it.
func (t *Translation) umask(option string) string {
	mask := t.Number(option)
	if mask&^0o077 != 0 {
		t.tell(option, "users keep all rights to their own files")
	}
	return fmt.Sprintf("%03o", mask&0o077)
}

// given translates to whom uploads of the users of a table are given.
func (t *Translation) given(table string) {
	if t.Yes("run_as_launching_user") {
		t.tell("chown_uploads", "files stay those of the user who starts the server, since one process can't give them away")
		return
	}
	t.homeOf("chown_username")
	t.put(table, "give-uploads-to", t.Text("chown_username"), "chown_username", "chown_uploads")
	t.put(table, "given-mode", fmt.Sprintf("%04o", t.Number("chown_upload_mode")&0o777), "chown_upload_mode")
}

// Commands that vsftpd's options for anonymous users switch on.
var (
	uploadCommands = []string{"STOR", "STOU"}
	mkdirCommands  = []string{"MKD"}
	otherCommands  = []string{"APPE", "DELE", "RMD", "RNFR", "COMB", "SITE CPTO"}
	factCommands   = []string{"MFMT", "MFF", "SITE CHMOD", "SITE CHGRP", "SITE UTIME"} // which vsftpd's anonymous users never have
)

// anonymousRights translates what users without the rights of local users may change.
func (t *Translation) anonymousRights(table string) {
	if t.Yes("anon_world_readable_only") {
		t.put(table, "world-readable-only", true, "anon_world_readable_only")
	}
	upload, mkdir, other := t.Yes("anon_upload_enable"), t.Yes("anon_mkdir_write_enable"), t.Yes("anon_other_write_enable")
	if !t.Yes("write_enable") || !upload && !mkdir && !other {
		t.put(table, "read-only", true, "write_enable", "anon_upload_enable", "anon_mkdir_write_enable", "anon_other_write_enable")
		return
	}
	if upload && !other {
		t.put(table, "no-replace", true, "anon_other_write_enable")
	}
	if upload && t.Yes("chown_uploads") {
		t.given(table)
	}
	disabled := slices.Clone(factCommands)
	for _, right := range []struct {
		has      bool
		commands []string
	}{{upload, uploadCommands}, {mkdir, mkdirCommands}, {other, otherCommands}} {
		if !right.has {
			disabled = append(disabled, right.commands...)
		}
	}
	t.put(table, "read-only", false, "write_enable", "anon_upload_enable", "anon_mkdir_write_enable", "anon_other_write_enable")
	t.put(table, "disable", disabled, "anon_upload_enable", "anon_mkdir_write_enable", "anon_other_write_enable")
}
