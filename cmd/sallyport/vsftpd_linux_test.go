package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpd"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/internal/wire"
)

// carriedOver holds of the real files with which Debian's vsftpd starts those that can't be carried over as a whole,
// and what stands in the way.
var carriedOver = map[string]string{
	"31": "not supported: local_root=xsftp",
	"61": "invalid pasv_address",
}

// Of each real file with which Debian's vsftpd starts nothing is wrong with the translation, or it is said what could
// not be carried over.
func TestVsftpdRealFiles(t *testing.T) {
	dir := "../../../shared/field/vsftpd-conf"
	oracle, err := os.ReadFile(filepath.Join(dir, "oracle-debian-3.0.3.tsv"))
	if err != nil {
		t.Skipf("files of others are not beside the repository: %v", err)
	}
	host := thisHost
	defer func() { thisHost = host }()
	thisHost = vsftpd.Host{
		Home: func(string) (string, error) { return t.TempDir(), nil },
		Read: func(file string) (string, error) {
			if strings.Contains(file, "chroot") { // a list of users, which has to be there
				return "# nobody\n", nil
			}
			return "", os.ErrNotExist
		},
		List: func(string) ([]string, error) { return nil, nil },
		Conf: func(string, bool) (string, error) { return "", os.ErrNotExist },
	}
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	writeCertificate(t, cert, key)
	usual := []string{"-onopriv_user=nobody", "-oftp_username=daemon", "-opam_service_name=other", "-orsa_cert_file=" + cert, "-orsa_private_key_file=" + key,
		"-oguest_username=daemon", "-ochown_username=daemon", "-ouserlist_file=" + vsftpdFile(t, "root\n"),
		"-ovsftpd_log_file=" + cert + ".log", "-oxferlog_file=" + cert + ".xferlog"}
	var flags []string
	if os.Geteuid() == 0 { // then PAM's helper has to be there
		file, err := helper()
		require.NoError(t, err)
		flags = []string{"--pam-helper", file}
	}
	failed, files := map[string]string{}, 0
	for _, line := range strings.Split(strings.TrimSpace(string(oracle)), "\n")[1:] {
		row := strings.Split(line, "\t")
		if row[1] != "running" {
			continue
		}
		files++
		text, err := os.ReadFile(filepath.Join(dir, row[0]+".conf"))
		require.NoError(t, err)
		out, wrong, status := said(t, vsftpdFile(t, string(text)), append([]string{"--to-toml"}, usual...)...)
		if status != 0 {
			failed[row[0]], _, _ = strings.Cut(strings.TrimPrefix(wrong, "500 OOPS: "), "\n")
		}
		err = run(t.Context(), append([]string{"config", "check", "--config", configure(t, out)}, flags...), t.Output(), t.Output())
		require.NoError(t, err, "%s\n%s", row[0], out)
	}
	require.Equal(t, carriedOver, failed)
	require.Equal(t, 41, files)
}

// startVsftpd starts a server in place of vsftpd.
func startVsftpd(t *testing.T, text string, change func(*exec.Cmd)) *process {
	t.Helper()
	file := vsftpdFile(t, text)
	return startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = []string{"vsftpd", "-olisten_port=0", "-olisten_address=127.0.0.1", file}
		change(cmd)
	})
}

// vsftpdPorts returns the lines of a range of free data ports.
func vsftpdPorts(t *testing.T) string {
	ports := strings.SplitN(testenv.FreePortSet(t, 3), "-", 2)
	return "pasv_min_port=" + ports[0] + "\npasv_max_port=" + ports[len(ports)-1] + "\n"
}

// A program called vsftpd serves anonymous users in clear, as its file says, and says what is different.
func TestVsftpdServesAnonymous(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "hello.txt"), []byte("hello"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "x.hidden"), nil, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, ".dot"), nil, 0o644))
	at := time.Date(2020, 1, 2, 20, 4, 5, 0, time.UTC)
	require.NoError(t, os.Chtimes(filepath.Join(root, "hello.txt"), at, at))
	p := startVsftpd(t, "listen=YES\nrun_as_launching_user=YES\nftpd_banner=Hello.\nhide_file=*.hidden\nuse_localtime=YES\nls_recurse_enable=YES\nanon_root="+root+"\n"+vsftpdPorts(t), func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "TZ=Asia/Tokyo")
	})
	require.Contains(t, p.log.String(), "vsftpd.conf:4: hide_file=*.hidden: such names can't be used either\n")
	require.Contains(t, p.log.String(), "ssl_enable=NO (the default): anybody on the way reads passwords and files")

	c := clearClient(t, p.fact(t, "explicit FTPS"))
	greeting, err := c.Expect(220)
	require.NoError(t, err)
	require.Equal(t, "Hello.", greeting.Text())
	features, err := c.Cmd(211, "FEAT")
	require.NoError(t, err)
	require.NotContains(t, features.String(), "AUTH", "as vsftpd without ssl_enable")
	clearLogin(t, c, "anonymous", "me@example.com")
	list, err := c.Get("NLST")
	require.NoError(t, err)
	require.Equal(t, "hello.txt\r\n", list)
	list, err = c.Get("LIST -R")
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf(".:\r\n-r--r--r--    1 %-8d %-8d            5 Jan  3  2020 hello.txt\r\n", os.Getuid(), os.Getgid()), list)
	mdtm, err := c.Cmd(213, "MDTM hello.txt")
	require.NoError(t, err)
	require.Equal(t, "213 20200103050405", mdtm.String())
	got, err := c.Get("RETR hello.txt")
	require.NoError(t, err)
	require.Equal(t, "hello", got)
	_, err = c.Cmd(550, "DELE hello.txt")
	require.NoError(t, err)
}

// Files tell clients about a directory, once, and data connections may have other addresses than the client, where the
// options say so, in passive and active mode.
func TestVsftpdMessagesAndPromiscuousData(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, "in"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "in", "README"), []byte("Be\r\nkind\r\n"), 0o644))
	p := startVsftpd(t, "listen=YES\nrun_as_launching_user=YES\ndirmessage_enable=YES\nmessage_file=README\npasv_promiscuous=YES\nport_promiscuous=YES\n"+
		"accept_timeout=70\nconnect_timeout=70\ndata_connection_timeout=70\nanon_root="+root+"\n"+vsftpdPorts(t), func(*exec.Cmd) {})
	require.Contains(t, p.log.String(), "vsftpd.conf:5: pasv_promiscuous=YES: whoever connects to a data port first")
	require.Contains(t, p.log.String(), "vsftpd.conf:6: port_promiscuous=YES: clients can have this server connect to other hosts")
	c := clearClient(t, p.fact(t, "explicit FTPS"))
	_, err := c.Expect(220)
	require.NoError(t, err)
	clearLogin(t, c, "anonymous", "me@example.com")
	entered, err := c.Cmd(250, "CWD in")
	require.NoError(t, err)
	require.Equal(t, []string{"250-Be", "kind", `250 "/in" is the current directory.`}, entered.Lines)
	entered, err = c.Cmd(250, "CWD /in")
	require.NoError(t, err)
	require.Len(t, entered.Lines, 1)

	elsewhere := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: ftpclient.Patience}
	at, err := c.PASV()
	require.NoError(t, err)
	data, err := elsewhere.Dial("tcp", at)
	require.NoError(t, err)
	defer data.Close()
	_, err = c.Cmd(150, "RETR README")
	require.NoError(t, err)
	got, err := io.ReadAll(data)
	require.NoError(t, err)
	require.Equal(t, "Be\r\nkind\r\n", string(got))
	_, err = c.Expect(226)
	require.NoError(t, err)

	ln, err := net.Listen("tcp", "127.0.0.2:0")
	require.NoError(t, err)
	defer ln.Close()
	ln.(*net.TCPListener).SetDeadline(time.Now().Add(ftpclient.Patience))
	_, err = c.Cmd(200, "PORT "+wire.FormatPort(netip.MustParseAddrPort(ln.Addr().String())))
	require.NoError(t, err)
	_, err = c.Cmd(150, "RETR README")
	require.NoError(t, err)
	data, err = ln.Accept()
	require.NoError(t, err)
	defer data.Close()
	got, err = io.ReadAll(data)
	require.NoError(t, err)
	require.Equal(t, "Be\r\nkind\r\n", string(got))
	_, err = c.Expect(226)
	require.NoError(t, err)
}

// clearClient connects without TLS.
func clearClient(t *testing.T, addr string) *ftpclient.Client {
	t.Helper()
	conn, err := ftpclient.DialTCP(addr)
	require.NoError(t, err)
	c := ftpclient.New(conn, nil)
	t.Cleanup(func() { c.Close() })
	return c
}

// clearLogin logs in without TLS.
func clearLogin(t *testing.T, c *ftpclient.Client, user, password string) {
	t.Helper()
	_, err := c.Cmd(331, "USER "+user)
	require.NoError(t, err)
	_, err = c.Cmd(230, "PASS "+password)
	require.NoError(t, err)
	_, err = c.Cmd(200, "TYPE I")
	require.NoError(t, err)
}

// Local users log in by the PAM service that the file names, and touch files in their homes with their own rights, less
// the umask. A reload follows the changed file, and a file that is wrong leaves all as it is.
func TestVsftpdServesLocalUsers(t *testing.T) {
	h := newPAMHost(t)
	rules, err := os.ReadFile(h.file("pam.d/sallyport"))
	require.NoError(t, err)
	h.add(t, "pam.d/ftp-users", string(rules))
	text := "listen=YES\nanonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nlocal_umask=027\nchroot_local_user=YES\nfile_open_mode=0777\nmdtm_write=NO\npam_service_name=ftp-users\nnopriv_user=20000:20000\n" + vsftpdPorts(t)
	file := vsftpdFile(t, text)
	p := startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = []string{"sallyport", "vsftpd", file, "-olisten_port=0", "-olisten_address=127.0.0.1"}
		cmd.Env = append(cmd.Env, "SALLYPORT_PAM_HELPER="+h.helper)
		h.inside(t, cmd)
	})
	require.Contains(t, p.banner, "those of PAM (service ftp-users)")
	login := func(user, password string) *ftpclient.Client {
		c := clearClient(t, p.fact(t, "explicit FTPS"))
		_, err := c.Expect(220)
		require.NoError(t, err)
		clearLogin(t, c, user, password)
		return c
	}
	require.NoError(t, login("alice", "secret").Put("STOR file", "hello"))
	info, err := os.Stat(filepath.Join(h.homes, "alice", "file"))
	require.NoError(t, err)
	require.EqualValues(t, h.uid, info.Sys().(*syscall.Stat_t).Uid)
	require.Equal(t, "-rwxr-x---", info.Mode().String())
	writer := login("alice", "secret")
	_, err = writer.Cmd(550, "MDTM 20200102030405 file")
	require.NoError(t, err)
	_, err = writer.Cmd(213, "MDTM file")
	require.NoError(t, err)
	c := clearClient(t, p.fact(t, "explicit FTPS"))
	_, err = c.Expect(220)
	require.NoError(t, err)
	_, err = c.Cmd(331, "USER unlisted")
	require.NoError(t, err)
	_, err = c.Cmd(530, "PASS secret")
	require.NoError(t, err)

	reload := func(text, told string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		require.NoError(t, p.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Contains(p.log.String(), told) }, 10*time.Second, 10*time.Millisecond)
	}
	reload(text+"write_enable=Y\n", "bad bool value in config file for: write_enable")
	require.NoError(t, login("alice", "secret").Put("STOR again", "hello"))
	reload(text+"write_enable=NO\n", "the configuration was read again")
	_, err = login("alice", "secret").Cmd(550, "DELE file")
	require.NoError(t, err)
}

// Guests log in by the PAM service that the file names, and their files are those of the one user of this host. Who is
// in the list of users doesn't get in.
func TestVsftpdServesGuests(t *testing.T) {
	h := newPAMHost(t)
	h.guests(t, "nina", "mallory")
	list := filepath.Join(t.TempDir(), "user_list")
	require.NoError(t, os.WriteFile(list, []byte("# who may not\nmallory\n"), 0o600))
	p := startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = []string{"sallyport", "vsftpd", vsftpdFile(t, "listen=YES\nanonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nguest_enable=YES\nguest_username=alice\n"+
			"virtual_use_local_privs=YES\nuser_sub_token=$USER\nlocal_root="+h.homes+"/$USER\npam_service_name=virtual\nnopriv_user=20000:20000\n"+
			"use_localtime=YES\nhide_ids=YES\nuserlist_enable=YES\nuserlist_file="+list+"\n"+vsftpdPorts(t)), "-olisten_port=0", "-olisten_address=127.0.0.1"}
		cmd.Env = append(cmd.Env, "SALLYPORT_PAM_HELPER="+h.helper, "TZ=Asia/Tokyo")
		h.inside(t, cmd)
	})
	c := clearClient(t, p.fact(t, "explicit FTPS"))
	_, err := c.Expect(220)
	require.NoError(t, err)
	clearLogin(t, c, "nina", "secret")
	require.NoError(t, c.Put("STOR file", "hello"))
	info, err := os.Stat(filepath.Join(h.homes, "nina", "file"))
	require.NoError(t, err)
	require.EqualValues(t, h.uid, info.Sys().(*syscall.Stat_t).Uid)
	_, err = c.Cmd(213, "MDTM 20200103050405 file")
	require.NoError(t, err)
	listed, err := c.Get("LIST")
	require.NoError(t, err)
	require.Equal(t, "-rw-------    1 ftp      ftp                 5 Jan  3  2020 file\r\n", listed)
	facts, err := c.Cmd(250, "MLST file")
	require.NoError(t, err)
	require.Contains(t, facts.String(), "modify=20200102200405;")

	c = clearClient(t, p.fact(t, "explicit FTPS"))
	_, err = c.Expect(220)
	require.NoError(t, err)
	_, err = c.Cmd(331, "USER mallory")
	require.NoError(t, err)
	_, err = c.Cmd(530, "PASS secret")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(p.log.String(), "refused-users has the name") }, 10*time.Second, 10*time.Millisecond)
}

// A /./ in the home of a user parts what the user sees as / from where sessions start, and PAM opens sessions if the
// file wants that.
func TestVsftpdSplitHomesAndPAMSessions(t *testing.T) {
	h := newPAMHost(t)
	home := filepath.Join(h.homes, "alice")
	require.NoError(t, os.Mkdir(filepath.Join(home, "in"), 0o755))
	passwd, err := os.ReadFile(h.file("passwd"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(h.file("passwd"), []byte(strings.Replace(string(passwd), ":"+home+":", ":"+home+"/./in:", 1)), 0o644))
	rules, err := os.ReadFile(h.file("pam.d/sallyport"))
	require.NoError(t, err)
	h.add(t, "pam.d/ftp-users", string(rules))
	text := "listen=YES\nanonymous_enable=NO\nlocal_enable=YES\nchroot_local_user=YES\npasswd_chroot_enable=YES\npam_service_name=ftp-users\nnopriv_user=20000:20000\n" + vsftpdPorts(t)
	file := vsftpdFile(t, text)
	p := startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = []string{"sallyport", "vsftpd", file, "-olisten_port=0", "-olisten_address=127.0.0.1"}
		cmd.Env = append(cmd.Env, "SALLYPORT_PAM_HELPER="+h.helper)
		h.inside(t, cmd)
	})
	login := func() {
		c := clearClient(t, p.fact(t, "explicit FTPS"))
		_, err := c.Expect(220)
		require.NoError(t, err)
		clearLogin(t, c, "alice", "secret")
		at, err := c.Cmd(257, "PWD")
		require.NoError(t, err)
		require.Contains(t, at.String(), `"/in"`)
	}
	login()
	require.Empty(t, h.noted(t, "open_session"))
	require.NoError(t, os.WriteFile(file, []byte(text+"session_support=YES\n"), 0o600))
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	require.Eventually(t, func() bool { return strings.Contains(p.log.String(), "the configuration was read again") }, time.Minute, 10*time.Millisecond)
	login()
	require.Len(t, h.noted(t, "open_session alice"), 1)
}
