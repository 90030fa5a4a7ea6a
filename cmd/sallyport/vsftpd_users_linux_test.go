package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// servedVsftpd is a server in place of vsftpd on a host with users.
type servedVsftpd struct {
	*process
	file string
}

// serveVsftpd starts a server in place of vsftpd that serves the users of a host, with more options.
func (h *pamHost) serveVsftpd(t *testing.T, more string) *servedVsftpd {
	t.Helper()
	v := &servedVsftpd{file: vsftpdFile(t, "listen=YES\nanonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\npam_service_name=sallyport\nnopriv_user=20000:20000\n"+vsftpdPorts(t)+more)}
	v.process = startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = []string{"sallyport", "vsftpd", v.file, "-olisten_port=0", "-olisten_address=127.0.0.1"}
		cmd.Env = append(cmd.Env, "SALLYPORT_PAM_HELPER="+h.helper)
		h.inside(t, cmd)
	})
	return v
}

// login logs in without TLS.
func (v *servedVsftpd) login(t *testing.T, user string) *ftpclient.Client {
	t.Helper()
	c := clearClient(t, v.fact(t, "explicit FTPS"))
	_, err := c.Expect(220)
	require.NoError(t, err)
	clearLogin(t, c, user, "secret")
	return c
}

// The file of a user in user_config_dir holds for this user; users without one have what holds for all. A reload reads
// the files again, and a mistake in one of them leaves all as it is.
func TestVsftpdUserFiles(t *testing.T) {
	h := newPAMHost(t)
	h.add(t, "allowed", "unlisted\n../alice\n")
	users, data := filepath.Join(h.etc, "users"), filepath.Join(h.homes, "data")
	require.NoError(t, os.Mkdir(users, 0o755))
	require.NoError(t, os.Mkdir(data, 0o777))
	require.NoError(t, os.Chmod(data, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(data, "old"), []byte("old"), 0o644))
	alice := filepath.Join(users, "alice")
	require.NoError(t, os.WriteFile(alice, []byte("local_root="+data+"\r\nlocal_umask=027\ncmds_denied=DELE\nhide_file=*.tmp\n"), 0o600))
	v := h.serveVsftpd(t, "local_umask=077\nuser_config_dir="+users+"\n")
	require.Contains(t, v.log.String(), alice+":1: blanks or line ends around the value are left out")

	c := v.login(t, "alice")
	require.NoError(t, c.Put("STOR new", "hello"))
	info, err := os.Stat(filepath.Join(data, "new"))
	require.NoError(t, err)
	require.EqualValues(t, h.uid, info.Sys().(*syscall.Stat_t).Uid)
	require.Equal(t, "-rw-r-----", info.Mode().String())
	_, err = c.Cmd(0, "DELE new")
	require.Error(t, err)
	require.FileExists(t, filepath.Join(data, "new"))
	require.NoError(t, os.WriteFile(filepath.Join(data, "x.tmp"), nil, 0o644))
	list, err := c.Get("NLST")
	require.NoError(t, err)
	require.Equal(t, "new\r\nold\r\n", list)

	c = v.login(t, "unlisted")
	require.NoError(t, c.Put("STOR new", "hello"))
	info, err = os.Stat(filepath.Join(h.homes, "unlisted", "new"))
	require.NoError(t, err)
	require.Equal(t, "-rw-------", info.Mode().String())
	_, err = c.Cmd(250, "DELE new")
	require.NoError(t, err)

	c = clearClient(t, v.fact(t, "explicit FTPS"))
	_, err = c.Expect(220)
	require.NoError(t, err)
	_, err = c.Cmd(331, "USER ../alice")
	require.NoError(t, err)
	_, err = c.Cmd(530, "PASS secret")
	require.NoError(t, err, "a name with a slash names no file")

	reload := func(text, told string) {
		t.Helper()
		require.NoError(t, os.WriteFile(alice, []byte(text), 0o600))
		require.NoError(t, v.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Contains(v.log.String(), told) }, time.Minute, 10*time.Millisecond)
	}
	reload("write_enable=Y\n", "bad bool value in config file for: write_enable")
	require.Contains(t, v.log.String(), alice+":1: ")
	list, err = v.login(t, "alice").Get("NLST")
	require.NoError(t, err)
	require.Equal(t, "new\r\nold\r\n", list, "as before")
	reload("write_enable=NO\n", "the configuration was read again")
	c = v.login(t, "alice")
	list, err = c.Get("NLST")
	require.NoError(t, err)
	require.Empty(t, list, "the home of the passwd file")
	_, err = c.Cmd(550, "MKD d")
	require.NoError(t, err)
}

// A mistake in the file of a user keeps the server from starting, and has its place.
func TestVsftpdUserFileMistake(t *testing.T) {
	users := t.TempDir()
	alice := filepath.Join(users, "alice")
	require.NoError(t, os.WriteFile(alice, []byte("# rights\nwrite_enable=YEs, please\n"), 0o600))
	file := vsftpdFile(t, "listen=YES\nlocal_enable=YES\nanonymous_enable=NO\nuser_config_dir="+users+"\n")
	_, wrong, status := said(t, file)
	require.Equal(t, 2, status)
	require.Contains(t, wrong, "500 OOPS: bad bool value in config file for: write_enable\n  "+alice+":2: ")
}

// The file of a user can have another user of the host touch the files.
func TestVsftpdUserFileGuest(t *testing.T) {
	h := newPAMHost(t)
	h.guests(t, "nina", "paul")
	users := filepath.Join(h.etc, "users")
	require.NoError(t, os.Mkdir(users, 0o755))
	other := h.user(t, "carol", "/bin/sh", "!:19999:0:99999:7:::")
	require.NoError(t, os.WriteFile(filepath.Join(users, "paul"), []byte("guest_username=carol\nlocal_root="+h.homes+"/carol\n"), 0o600))
	v := h.serveVsftpd(t, "guest_enable=YES\nguest_username=alice\nvirtual_use_local_privs=YES\nuser_sub_token=$USER\nlocal_root="+h.homes+"/$USER\npam_service_name=virtual\nuser_config_dir="+users+"\n")
	for name, want := range map[string]struct {
		home string
		uid  int
	}{"nina": {"nina", h.uid}, "paul": {"carol", other}} {
		require.NoError(t, v.login(t, name).Put("STOR file", "hello"))
		info, err := os.Stat(filepath.Join(h.homes, want.home, "file"))
		require.NoError(t, err)
		require.EqualValues(t, want.uid, info.Sys().(*syscall.Stat_t).Uid, name)
	}
}

// Users in the list of chroot see the whole file system with their own rights, and begin in their home; the others are
// jailed in theirs.
func TestVsftpdJails(t *testing.T) {
	h := newPAMHost(t)
	h.add(t, "allowed", "unlisted\ndotted\n")
	list := filepath.Join(h.etc, "chroot_list")
	require.NoError(t, os.WriteFile(list, []byte("alice\n"), 0o644))
	uid := h.user(t, "dotted", "/bin/sh", mkpasswd(t, "yescrypt")+":19999:0:99999:7:::")
	in := filepath.Join(h.homes, "dotted", "in")
	require.NoError(t, os.Mkdir(in, 0o700))
	require.NoError(t, os.Chown(in, uid, uid))
	passwd, err := os.ReadFile(h.file("passwd"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(h.file("passwd"), []byte(strings.Replace(string(passwd), h.homes+"/dotted:", h.homes+"/dotted/./in:", 1)), 0o644))
	v := h.serveVsftpd(t, "chroot_local_user=YES\nchroot_list_enable=YES\nchroot_list_file="+list+"\npasswd_chroot_enable=YES\n")
	home := filepath.Join(h.homes, "alice")

	c := v.login(t, "alice")
	pwd, err := c.Cmd(257, "PWD")
	require.NoError(t, err)
	require.Contains(t, pwd.Text(), `"`+home+`"`)
	require.NoError(t, c.Put("STOR relative", "hello"))
	require.NoError(t, c.Put("STOR "+home+"/absolute", "hello"))
	for _, name := range []string{"relative", "absolute"} {
		info, err := os.Stat(filepath.Join(home, name))
		require.NoError(t, err)
		require.EqualValues(t, h.uid, info.Sys().(*syscall.Stat_t).Uid)
	}
	got, err := c.Get("RETR /usr/lib/os-release")
	require.NoError(t, err)
	require.Contains(t, got, "NAME=")
	root, err := c.Get("NLST /")
	require.NoError(t, err)
	require.Contains(t, root, "usr\r\n")
	for _, file := range []string{"/etc/shadow", filepath.Join(h.homes, "unlisted", "x"), "/proc/version"} {
		_, err = c.Get("RETR " + file)
		require.ErrorContains(t, err, "550", file)
	}
	require.Error(t, c.Put("STOR /alice", "hello"))

	c = v.login(t, "unlisted")
	pwd, err = c.Cmd(257, "PWD")
	require.NoError(t, err)
	require.Contains(t, pwd.Text(), `"/"`)
	_, err = c.Cmd(550, "CWD /usr")
	require.NoError(t, err)

	c = v.login(t, "dotted")
	pwd, err = c.Cmd(257, "PWD")
	require.NoError(t, err)
	require.Contains(t, pwd.Text(), `"/in"`)
	require.NoError(t, c.Put("STOR /up", "hello"))
	require.FileExists(t, filepath.Join(h.homes, "dotted", "up"))
}
