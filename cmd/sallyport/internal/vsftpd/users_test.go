package vsftpd

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// userLines returns the lines of a table in a translation.
func userLines(tr *Translation, table string) (all []string) {
	for _, l := range tr.Lines {
		if l.Table == table {
			all = append(all, l.Key+" = "+written(l.Value))
		}
	}
	return all
}

// The file of a user becomes a table with what is different for this user.
func TestUserFiles(t *testing.T) {
	for _, c := range []struct{ more, file, want string }{
		{"", "", ""},
		{"", "local_root=/data\nwrite_enable=NO\nlocal_umask=022\nlocal_max_rate=7\nidle_session_timeout=9\n", `idle-timeout = "9s"; home = "/data"; umask = "022"; rate-up = "7 B/s"; rate-down = "7 B/s"; read-only = true`},
		{"local_root=/x;local_max_rate=7;write_enable=NO;hide_file=.*", "local_root=\nlocal_max_rate=0\nwrite_enable=YES\nhide_file=\n", `home = ""; hidden = []; rate-up = "0 B/s"; rate-down = "0 B/s"; read-only = false`},
		{"", "cmds_denied=DELE,STOR\n", `disable = ["DELE", "STOR"]`},
		{"cmds_denied=DELE,RMD", "cmds_denied=RMD\n", `disable = []`},
		{"download_enable=NO", "dirlist_enable=NO\n", `disable = ["LIST", "MLSD", "NLST", "STAT"]`},
		{"guest_enable=YES;anon_upload_enable=YES;chown_uploads=YES;chown_username=www;download_file=*.txt", "chown_uploads=NO\ndownload_file=\nanon_world_readable_only=NO\n", `fetchable = []; world-readable-only = false; give-uploads-to = ""; given-mode = ""`},
		{"", "delete_failed_uploads=YES\n", `uploads = "atomic"`},
		{"", "guest_enable=YES\nguest_username=www\nvirtual_use_local_privs=YES\n", `system-user = "www"; home = "/home/www"`},
		{"guest_enable=YES;virtual_use_local_privs=YES", "guest_username=www\n", `system-user = "www"; home = "/home/www"`},
		{"guest_enable=YES;virtual_use_local_privs=YES", "guest_enable=NO\n", `system-user = "alice"; home = "/home/alice"`},
		{"guest_enable=YES;anon_world_readable_only=NO", "anon_upload_enable=YES\nanon_mkdir_write_enable=YES\nanon_other_write_enable=YES\n", `read-only = false; disable = ["MFF", "MFMT", "SITE CHGRP", "SITE CHMOD", "SITE UTIME"]`},
		{"ssl_enable=YES;rsa_cert_file=/c;anonymous_enable=YES;force_local_data_ssl=NO", "force_local_data_ssl=YES\n", `require-private = true`},
	} {
		tr := translated(t, c.more+";user_config_dir=/users", map[string]string{"/users/alice": c.file})
		require.Empty(t, tr.Mistakes, c.more+c.file)
		want := append([]string{"host-login = true", `group = "local"`}, strings.Split(c.want, "; ")...)
		if c.want == "" {
			want = nil // no table
		}
		require.Equal(t, want, userLines(tr, "user.alice"), c.more+c.file)
	}
}

// What some user may, although all others may not, is disabled for all others instead of for everybody.
func TestUserFileAllowsACommand(t *testing.T) {
	tr := translated(t, "ssl_enable=YES;rsa_cert_file=/c;cmds_denied=DELE,RMD;user_config_dir=/users", map[string]string{"/users/alice": "cmds_denied=RMD\n", "/users/b.ob": ""})
	require.Equal(t, []string{"RMD"}, tr.disabled(""))
	require.Equal(t, []string{"DELE"}, tr.disabled(localTable))
	require.Empty(t, tr.disabled("user.alice"))
	require.Empty(t, userLines(tr, `user."b.ob"`), "as the group")
}

// The file of the user as whom anonymous users are served is theirs.
func TestUserFileOfAnonymous(t *testing.T) {
	tr := translated(t, "local_enable=NO;anonymous_enable=YES;anon_max_rate=5;user_config_dir=/users", map[string]string{"/users/ftp": "anon_root=/pub\nanon_max_rate=0\n", "/users/alice": "local_root=/x\n"})
	require.Empty(t, tr.Mistakes)
	require.Equal(t, []string{`system-user = "ftp"`, `umask = "077"`, `file-mode = "0666"`, "world-readable-only = true", "read-only = true", `home = "/pub"`, `rate-up = "0 B/s"`, `rate-down = "0 B/s"`}, userLines(tr, anonymousTable))
	require.Empty(t, userLines(tr, "user.alice"), "who can't log in")
}

// Mistakes in the files of users keep the server from starting, and what counts for nothing there is told.
func TestUserFilesSaid(t *testing.T) {
	for file, want := range map[string]string{
		"write_enable=Y\n":                   "500 OOPS: bad bool value in config file for: write_enable\n  /users/alice:1: the value is \"Y\"; want YES or NO",
		"\nlocal_rot=/x\n":                   "500 OOPS: unrecognised variable in config file: local_rot\n  /users/alice:2: \"local_rot\": did you mean local_root?",
		"upload_file=a/*.txt\n":              "500 OOPS: not supported: upload_file=a/*.txt\n  /users/alice:1: patterns are of names, not of paths",
		"local_root=srv\n":                   "500 OOPS: not supported: local_root=srv\n  /users/alice:1: it is no absolute path, ",
		"guest_enable=YES\nguest_username=x": "500 OOPS: vsftpd: cannot locate user specified in 'guest_username':x\n  /users/alice:2: ",
	} {
		tr := translated(t, "user_config_dir=/users", map[string]string{"/users/alice": file})
		require.Len(t, tr.Mistakes, 1, file)
		require.Contains(t, tr.Mistakes[0].Error(), want)
	}
	for file, want := range map[string]string{
		"local_root=/x \r\n":                   "/users/alice:1: blanks or line ends around the value are left out",
		"chroot_local_user=1\nmax_per_ip=50\n": "",
		"max_per_ip=1\n":                       "/users/alice:1: max_per_ip=1: it counts for nothing here, since this is decided before a user has logged in",
		"pasv_max_port=30001\n":                "/users/alice: passive can't be different for one user, and stays what the server's file says: ",
		"tilde_user_enable=YES\n":              "/users/alice:1: tilde_user_enable=YES: ~ is a name as any other",
	} {
		tr := translated(t, "user_config_dir=/users", map[string]string{"/users/alice": file, "/users/.hidden": "x", "/users/alice~": "x"})
		require.Empty(t, tr.Mistakes)
		var got []string
		for _, n := range tr.Notes {
			if n.Place.File == "/users/alice" {
				got = append(got, n.String())
			}
		}
		require.LessOrEqual(t, len(got), 1)
		require.Contains(t, strings.Join(got, "\n"), want)
		require.Equal(t, want == "", len(got) == 0, got)
	}
	c := &Config{}
	c.Parse("F", "local_enable=YES\nuser_config_dir=/nowhere\n")
	host := machine(nil)
	host.List = func(string) ([]string, error) { return nil, os.ErrNotExist }
	require.Contains(t, fmt.Sprint(Translate(c, host).Notes), "F:2: user_config_dir=/nowhere: there are no files of users: ")
}

// Every option that the file of a user can set is one of vsftpd's.
func TestLateOptions(t *testing.T) {
	for _, name := range lateOptions {
		require.NotNil(t, find(name), name)
	}
}

// Users who are not jailed see the whole file system, and the list has those for whom the opposite holds.
func TestJails(t *testing.T) {
	list := map[string]string{"/list": "# who\nalice\n bob \n\nc:d\nftp\n", "/users/alice": "local_root=/data\n"}
	for _, c := range []struct {
		more          string
		others, alice any
		users         string
	}{
		{"", nil, nil, ""},
		{"chroot_local_user=NO", "/", nil, ""},
		{"chroot_list_enable=YES;chroot_list_file=/list", nil, "/", "alice"},
		{"chroot_list_enable=YES;chroot_list_file=/list;chroot_local_user=NO", "/", "", "alice bob ftp"},
		{"chroot_list_enable=YES;chroot_list_file=/list;user_config_dir=/users", nil, "/", "alice"},
		{"chroot_list_enable=YES;chroot_list_file=/list;guest_enable=YES", nil, nil, ""},
		{"chroot_list_enable=YES;chroot_list_file=/list;guest_enable=YES;virtual_use_local_privs=YES", nil, "/", "alice"},
		{"passwd_chroot_enable=YES", "passwd", nil, ""},
		{"passwd_chroot_enable=YES;chroot_list_enable=YES;chroot_list_file=/list", "passwd", "/", "alice"},
	} {
		tr := translated(t, c.more, list)
		require.Empty(t, tr.Mistakes, c.more)
		require.Equal(t, c.others, tr.value(localTable, "root"), c.more)
		require.Equal(t, c.alice, tr.value("user.alice", "root"), c.more)
		for _, name := range strings.Fields(c.users) {
			require.Equal(t, true, tr.value("user."+name, "host-login"), "%s %s", c.more, name)
		}
		require.Nil(t, tr.value("user.carol", "host-login"))
	}
	tr := translated(t, "chroot_list_enable=YES;chroot_list_file=/list;user_config_dir=/users", list)
	require.Equal(t, "/data", tr.value("user.alice", "home"))
	require.Contains(t, fmt.Sprint(tr.Notes), "/list:3: there are blanks around the name, and vsftpd wouldn't know it: bob sees nothing above the home")
	require.Contains(t, fmt.Sprint(tr.Notes), "/list:5: this is no name of a user, and counts for nothing: c:d")
	tr = translated(t, "chroot_list_enable=YES", nil)
	require.Len(t, tr.Mistakes, 1)
	require.Contains(t, tr.Mistakes[0].Error(), "500 OOPS: could not read chroot() list file:/etc/vsftpd.chroot_list\n  ")
}
