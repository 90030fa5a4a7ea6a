package main

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// anonymousPlace makes a directory to serve, which has a directory for uploads that belongs to a user of this host.
func anonymousPlace(t *testing.T, owner string) string {
	t.Helper()
	testenv.NeedRoot(t)
	who, err := user.Lookup(owner)
	require.NoError(t, err)
	uid, err := strconv.Atoi(who.Uid)
	require.NoError(t, err)
	root, err := os.MkdirTemp("", "sallyport-anonymous-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	require.NoError(t, os.Chmod(root, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(root, "in"), 0o755))
	for name, mode := range map[string]os.FileMode{"public.txt": 0o644, "private.txt": 0o640, "in": 0o755} {
		file := filepath.Join(root, name)
		if name != "in" {
			require.NoError(t, os.WriteFile(file, []byte(name), mode))
		}
		require.NoError(t, os.Chmod(file, mode))
		require.NoError(t, os.Chown(file, uid, uid))
	}
	return root
}

// anonymousServer serves a directory to anonymous users in place of vsftpd.
func anonymousServer(t *testing.T, root, more string) *process {
	t.Helper()
	return startVsftpd(t, "listen=YES\nanonymous_enable=YES\nftp_username=daemon\nnopriv_user=20000:20000\nanon_root="+root+"\n"+vsftpdPorts(t)+more, func(*exec.Cmd) {})
}

// arrive connects and reads the greeting.
func (p *process) arrive(t *testing.T) *ftpclient.Client {
	t.Helper()
	c := clearClient(t, p.fact(t, "explicit FTPS"))
	_, err := c.Expect(220)
	require.NoError(t, err)
	return c
}

// Anonymous users may store new files, which become another user's, and neither replace, fetch nor remove them. Of
// other files they fetch those that everybody may read. They are asked for no password.
func TestVsftpdAnonymousUploads(t *testing.T) {
	root := anonymousPlace(t, "daemon")
	p := anonymousServer(t, root, "write_enable=YES\nanon_upload_enable=YES\nanon_mkdir_write_enable=YES\nno_anon_password=YES\nanon_umask=022\n"+
		"chown_uploads=YES\nchown_username=games\nchown_upload_mode=0640\n")
	c := p.arrive(t)
	for _, line := range []string{"USER anonymous", "TYPE I"} {
		_, err := c.Cmd(map[string]int{"USER anonymous": 230, "TYPE I": 200}[line], line)
		require.NoError(t, err)
	}
	got, err := c.Get("RETR public.txt")
	require.NoError(t, err)
	require.Equal(t, "public.txt", got)
	for _, line := range []string{"RETR private.txt", "XCRC private.txt", "STOR public.txt", "DELE public.txt", "APPE in/new"} {
		_, err := c.PASV()
		require.NoError(t, err)
		reply, err := c.Cmd(map[string]int{"DELE public.txt": 502, "APPE in/new": 502, "STOR public.txt": 550, "RETR private.txt": 550, "XCRC private.txt": 550}[line], line)
		require.NoError(t, err, reply.String())
	}
	games, err := user.Lookup("games")
	require.NoError(t, err)
	for _, name := range []string{"in/a", "in/b"} {
		require.NoError(t, c.Put("STOR "+name, "hello"))
		info, err := os.Stat(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, games.Uid, strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)))
		require.Equal(t, "-rw-r-----", info.Mode().String())
	}
	for _, line := range []string{"STOR in/a", "RETR in/a"} {
		_, err = c.PASV()
		require.NoError(t, err)
		_, err = c.Cmd(550, line)
		require.NoError(t, err)
	}
	text, err := os.ReadFile(filepath.Join(root, "in/a"))
	require.NoError(t, err)
	require.Equal(t, "hello", string(text))
	_, err = c.Cmd(257, "MKD in/d")
	require.NoError(t, err)
	_, err = c.Cmd(502, "RMD in/d")
	require.NoError(t, err)
}

// Passwords of anonymous users are compared with the lists of the file, and names with patterns of what may be fetched
// and stored.
func TestVsftpdAnonymousLists(t *testing.T) {
	root := anonymousPlace(t, "daemon")
	dir := t.TempDir()
	banned, accepted := filepath.Join(dir, "banned"), filepath.Join(dir, "accepted")
	require.NoError(t, os.WriteFile(banned, []byte("mallory@example.com\n"), 0o600))
	require.NoError(t, os.WriteFile(accepted, []byte("me@example.com\nmallory@example.com\n"), 0o600))
	p := anonymousServer(t, root, "write_enable=YES\nanon_upload_enable=YES\nanon_other_write_enable=YES\nanon_world_readable_only=NO\nmax_login_fails=9\n"+
		"deny_email_enable=YES\nbanned_email_file="+banned+"\nsecure_email_list_enable=YES\nemail_password_file="+accepted+"\n"+
		"download_file=*.txt\nupload_file={*.txt,*.md}\n")
	c := p.arrive(t)
	for _, password := range []string{"mallory@example.com", "other@example.com"} {
		_, err := c.Cmd(331, "USER ftp")
		require.NoError(t, err)
		_, err = c.Cmd(530, "PASS "+password)
		require.NoError(t, err)
	}
	clearLogin(t, c, "anonymous", "me@example.com")
	got, err := c.Get("RETR private.txt")
	require.NoError(t, err, "the user's own rights are enough")
	require.Equal(t, "private.txt", got)
	require.NoError(t, c.Put("STOR in/a.md", "old"))
	require.NoError(t, c.Put("STOR in/a.md", "new"))
	for _, line := range []string{"RETR in/a.md", "STOR in/a.sh"} {
		_, err = c.PASV()
		require.NoError(t, err)
		_, err = c.Cmd(550, line)
		require.NoError(t, err)
	}
	_, err = c.Cmd(350, "RNFR in/a.md")
	require.NoError(t, err)
	_, err = c.Cmd(550, "RNTO in/a.sh")
	require.NoError(t, err)
}
