package vsftpd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// machine is a host with two users and some files.
func machine(files map[string]string) Host {
	return Host{
		Home: func(user string) (string, error) {
			switch user {
			case "ftp", "www", "alice":
				return "/home/" + user, nil
			case "virtual":
				return "/srv/$USER", nil
			}
			return "", errors.New("unknown user " + user)
		},
		Read: func(file string) (string, error) {
			text, ok := files[file]
			if !ok {
				return "", &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}
			}
			return text, nil
		},
		List: func(dir string) (names []string, err error) {
			for file := range files {
				if path.Dir(file) == dir {
					names = append(names, path.Base(file))
				}
			}
			return names, nil
		},
		Conf: func(file string, _ bool) (string, error) { return files[file], nil },
	}
}

// translated translates a file that has more lines than a usual one.
func translated(t *testing.T, more string, files map[string]string) *Translation {
	t.Helper()
	c := &Config{}
	c.Parse("F", strings.ReplaceAll("listen=YES;anonymous_enable=NO;local_enable=YES;write_enable=YES;chroot_local_user=YES;pasv_min_port=30000;pasv_max_port=30009;"+more, ";", "\n"))
	require.Empty(t, c.Mistakes)
	require.Empty(t, c.Notes)
	return Translate(c, machine(files))
}

// noTLS is what becomes of the default ssl_enable=NO.
const noTLS = `insecure-plaintext = true; disable = ["AUTH", "PBSZ", "PROT"]`

// Options become lines of Sallyport's configuration.
func TestTranslation(t *testing.T) {
	tls := "ssl_enable=YES;rsa_cert_file=/c;"
	for more, want := range map[string]string{
		"connect_from_port_20=YES;ftp_data_port=2020": `active = true; active-port = 2020`,
		"userlist_enable=YES;userlist_file=/l":        `refused-users = "/l"`,
		"userlist_enable=YES;userlist_deny=NO":        `allowed-users = "/etc/vsftpd.user_list"`,

		"guest_enable=YES;virtual_use_local_privs=YES;user_sub_token=$USER;guest_username=virtual": `pam-user = "virtual"; [group.local] home = "/srv/{user}"; [group.local] umask = "077"`,
		"guest_enable=YES;local_root=/in;anon_umask=022;anon_max_rate=9":                           `pam-user = "ftp"; [group.local] home = "/in"; [group.local] umask = "022"; [group.local] rate-up = "9 B/s"; [group.local] read-only = true`,

		"":                `run-as = "nobody"; uid-min = 1; listen = "0.0.0.0:21"; listen-implicit = ""; passive = "30000-30009"; active = true; uploads = "inplace"; never-convert = true; pam = true; pam-service = "vsftpd"; [group.local] umask = "077"; ` + noTLS,
		"listen_ipv6=YES": `listen = ":21"`,
		"listen=NO;listen_ipv6=YES;listen_address6=2001:db8::1;listen_port=2121": `listen = "[2001:db8::1]:2121"`,
		"listen_address=192.0.2.1":                           `listen = "192.0.2.1:21"`,
		"nopriv_user=www":                                    `run-as = "www"`,
		"max_clients=7;max_per_ip=0;max_login_fails=1":       `max-sessions = 7; max-sessions-per-address = 0; max-login-failures = 1`,
		"idle_session_timeout=60":                            `idle-timeout = "60s"`,
		"pasv_min_port=20;pasv_max_port=0":                   `passive = "1024-65535"`,
		"pasv_max_port=0;pasv_min_port=0":                    `passive = "any"`,
		"pasv_min_port=40000;pasv_max_port=39990":            `passive = "39990-40000"`,
		"listen_port=30005":                                  `passive = "30000-30009,!30005"`,
		"pasv_enable=NO;port_enable=NO":                      `active = false; disable = ["AUTH", "EPSV", "PASV", "PBSZ", "PROT"]`,
		"pasv_address=203.0.113.7":                           `announce = "203.0.113.7"`,
		"pasv_address=ftp.example.com;pasv_addr_resolve=YES": `announce = "ftp.example.com"`,

		tls: `cert = "/c"; key = "/c"; session-reuse = "require"; require-close-notify = true`,
		tls + "rsa_private_key_file=/k;require_ssl_reuse=NO": `cert = "/c"; key = "/k"`,
		tls + "implicit_ssl=YES;listen_port=990":             `listen = ""; listen-implicit = "0.0.0.0:990"`,
		tls + "force_local_logins_ssl=NO":                    `insecure-plaintext = true; [group.local] require-private = true`,
		tls + "anonymous_enable=YES":                         `insecure-plaintext = true; [group.local] require-tls = true; [group.local] require-private = true`,
		tls + "guest_enable=YES\nforce_local_logins_ssl=NO\nforce_local_data_ssl=NO\nforce_anon_data_ssl=YES": `insecure-plaintext = true; [group.local] require-private = true`,
		tls + "anonymous_enable=YES;force_anon_logins_ssl=YES":                                                `insecure-plaintext = true; [anonymous] require-tls = true`,
		tls + "ca_certs_file=/ca;require_cert=YES":                                                            `client-ca = "/ca"; [group.local] require-certificate = true`,

		"pam_service_name=/etc/pam.d/VSftpd":                   `pam-service = "vsftpd"`,
		"local_root=/srv/$USER/in;user_sub_token=$USER":        `[group.local] home = "/srv/{user}/in"`,
		"local_umask=022;local_max_rate=5000":                  `[group.local] umask = "022"; [group.local] rate-up = "5000 B/s"; [group.local] rate-down = "5000 B/s"`,
		"write_enable=NO":                                      `[group.local] read-only = true`,
		"deny_file={*.mp3,{a,b}[1]};hide_file=.*":              `[group.local] hidden = ["*.mp3", "a\\[1]", "b\\[1]", ".*"]`,
		"chmod_enable=NO;mdtm_write=NO":                        `disable = ["AUTH", "MFF", "MFMT", "PBSZ", "PROT", "SITE CHMOD", "SITE UTIME"]`,
		"download_enable=NO;dirlist_enable=NO":                 `disable = ["AUTH", "LIST", "MLSD", "NLST", "PBSZ", "PROT", "RETR", "STAT"]`,
		"cmds_denied=dele,XYZZY,USER,RMD":                      `disable = ["AUTH", "DELE", "PBSZ", "PROT", "RMD"]`,
		"ascii_upload_enable=YES;ascii_download_enable=YES":    `never-convert = false`,
		"ascii_upload_enable=YES":                              `never-convert = true`,
		"use_localtime=YES;hide_ids=YES;text_userdb_names=YES": `time-zone = "local"; local-mdtm = true; owners = "hidden"; hide-dot-files = true`,
		"text_userdb_names=YES;force_dot_files=YES":            `owners = "names"; hide-dot-files = false`,
		"ls_recurse_enable=YES":                                `owners = "numbers"; list-recursive = true`,
		"dirmessage_enable=YES":                                `dir-message = ".message"`,
		"dirmessage_enable=YES;message_file=README":            `dir-message = "README"`,
		"accept_timeout=7;connect_timeout=010":                 `accept-timeout = "7s"; connect-timeout = "8s"; data-timeout = "300s"`,
		"data_connection_timeout=0":                            `accept-timeout = "60s"; connect-timeout = "60s"; data-timeout = "0s"`,
		"pasv_promiscuous=YES;port_promiscuous=YES":            `insecure-any-peer = true; insecure-active-anywhere = true`,
		"anonymous_enable=YES;file_open_mode=0777":             `[anonymous] file-mode = "0777"; [group.local] file-mode = "0777"`,
		"download_file=*.{txt,md};upload_file=*.txt":           `[group.local] fetchable = ["*.txt", "*.md"]; [group.local] storable = ["*.txt"]`,
		"anonymous_enable=YES;no_anon_password=YES":            `[anonymous] no-password = true; [anonymous] world-readable-only = true; [anonymous] read-only = true`,
		"anonymous_enable=YES;deny_email_enable=YES;secure_email_list_enable=YES;email_password_file=/e":          `[anonymous] refused-passwords = "/etc/vsftpd.banned_emails"; [anonymous] passwords = "/e"`,
		"anonymous_enable=YES;anon_upload_enable=YES":                                                             `[anonymous] world-readable-only = true; [anonymous] no-replace = true; [anonymous] read-only = false`,
		"guest_enable=YES;anon_upload_enable=YES":                                                                 `[group.local] world-readable-only = true; [group.local] no-replace = true`,
		"anonymous_enable=YES;anon_upload_enable=YES;anon_other_write_enable=YES;anon_world_readable_only=NO":     `[anonymous] file-mode = "0666"; [anonymous] read-only = false`,
		"anonymous_enable=YES;anon_upload_enable=YES;chown_uploads=YES;chown_username=www;chown_upload_mode=0644": `[anonymous] give-uploads-to = "www"; [anonymous] given-mode = "0644"`,
		"delay_failed_login=5;delay_successful_login=99":                                                          `login-delay = "30s"; failed-login-delay = "5s"`,
		"session_support=YES":                                      `failed-login-delay = "1s"; pam-session = true`,
		"delete_failed_uploads=YES":                                `uploads = "atomic"`,
		"ftpd_banner=Grüß Gott, \"you\"":                           `greeting = "Grüß Gott, \"you\""`,
		"ftpd_banner=no;banner_file=/b":                            `greeting = "one\ntwo"`,
		"tcp_wrappers=YES":                                         `tcp-wrappers = "vsftpd"`,
		"anonymous_enable=YES":                                     `[anonymous] home = "/home/ftp"; [anonymous] system-user = "ftp"; [anonymous] umask = "077"; [anonymous] read-only = true`,
		"anonymous_enable=YES;anon_root=/srv/pub;ftp_username=www": `[anonymous] home = "/srv/pub"; [anonymous] system-user = "www"`,
		"anonymous_enable=YES;anon_mkdir_write_enable=YES":         `[anonymous] read-only = false; [anonymous] disable = ["MFMT", "MFF", "SITE CHMOD", "SITE CHGRP", "SITE UTIME", "STOR", "STOU", "APPE", "DELE", "RMD", "RNFR", "COMB", "SITE CPTO"]`,

		"xferlog_enable=YES": `vsftpd-log = "/var/log/vsftpd.log"`,
		"xferlog_enable=YES;xferlog_file=/x;log_ftp_protocol=YES":         `vsftpd-log = "/var/log/vsftpd.log"; vsftpd-log-protocol = true`,
		"xferlog_enable=YES;xferlog_std_format=YES;vsftpd_log_file=/x":    `xferlog = "/var/log/xferlog"`,
		"dual_log_enable=YES;vsftpd_log_file=/dev/stdout;xferlog_file=/x": `vsftpd-log = "/dev/stdout"; xferlog = "/x"`,
		"syslog_enable=YES;log_ftp_protocol=YES":                          `vsftpd-syslog = true; vsftpd-log-protocol = true`,
		"syslog_enable=YES;dual_log_enable=YES":                           `xferlog = "/var/log/xferlog"; vsftpd-syslog = true`,
	} {
		tr := translated(t, more, map[string]string{"/b": "one\ntwo\x1b\r\n", "/etc/hosts.deny": "# none\n"})
		require.Empty(t, tr.Mistakes, more)
		var got []string
		for _, l := range tr.Lines {
			text := l.Key + " = " + written(l.Value)
			if l.Table != "" {
				text = "[" + l.Table + "] " + text
			}
			got = append(got, text)
		}
		require.Subset(t, got, strings.Split(want, "; "), more)
	}
}

// Each log is written with these options alone.
func TestNoLogs(t *testing.T) {
	for more, absent := range map[string]string{
		"": "vsftpd-log xferlog vsftpd-syslog vsftpd-log-protocol",
		"xferlog_std_format=YES;log_ftp_protocol=YES":                    "vsftpd-log xferlog vsftpd-syslog vsftpd-log-protocol",
		"xferlog_enable=YES":                                             "xferlog vsftpd-syslog vsftpd-log-protocol",
		"xferlog_enable=YES;syslog_enable=YES":                           "vsftpd-log xferlog vsftpd-log-protocol",
		"xferlog_enable=YES;xferlog_std_format=YES;log_ftp_protocol=YES": "vsftpd-log vsftpd-syslog vsftpd-log-protocol",
		"dual_log_enable=YES;syslog_enable=YES":                          "vsftpd-log vsftpd-log-protocol",
	} {
		tr := translated(t, more, nil)
		require.Empty(t, tr.Mistakes, more)
		for _, key := range strings.Fields(absent) {
			require.Nil(t, tr.value("", key), "%s: %s", more, key)
		}
	}
}

// What can't be carried over keeps a file from being used where something would be more open.
func TestRefusals(t *testing.T) {
	anonymous := "anonymous_enable=YES;anon_upload_enable=YES;"
	files := map[string]string{"/etc/hosts.deny": "vsftpd: ALL\n"}
	for more, want := range map[string]string{
		"local_enable=NO":                                "vsftpd: both local and anonymous access disabled!\n  F:2: nobody could log in",
		"one_process_model=YES":                          "vsftpd: security: 'one_process_model' is anonymous only\n  F:8: ",
		"http_enable=YES":                                "vsftpd: HTTP needs 'one_process_model' for now\n  F:8: ",
		"ftp_enable=NO":                                  "not supported: ftp_enable=NO\n  F:8: ",
		"listen=NO":                                      "vsftpd: not configured for standalone, must be started from inetd\n  F:8: ",
		"listen_address=foo":                             "bad listen_address: foo\n  F:8: ",
		"listen_address6=192.0.2.1":                      "bad listen_address6: 192.0.2.1\n  F:8: ",
		"listen_port=70000":                              "bad number in config file for: listen_port\n  F:8: ",
		"pasv_max_port=70000":                            "bad number in config file for: pasv_max_port\n  F:8: ",
		"pasv_address=<ip>":                              "invalid pasv_address\n  F:8: ",
		"listen_ipv6=YES;listen_address=192.0.2.1":       "run two copies of vsftpd for IPv4 and IPv6\n  F:8: ",
		"ssl_enable=YES;rsa_cert_file=":                  "SSL: cannot load RSA certificate\n  F:9: ",
		"ssl_enable=YES;require_cert=YES":                "not supported: require_cert=YES\n  F:9: ",
		"run_as_launching_user=YES":                      "not supported: run_as_launching_user=YES\n  F:8: ",
		"banner_file=/b":                                 "cannot open banner file:/b\n  F:8: open /b: ",
		"local_root=srv":                                 "not supported: local_root=srv\n  F:8: ",
		"dirmessage_enable=YES;message_file=a/b":         "not supported: message_file=a/b\n  F:9: ",
		"deny_file=a/b":                                  "not supported: deny_file=a/b\n  F:8: ",
		"upload_file=a/*.txt":                            "not supported: upload_file=a/*.txt\n  F:8: ",
		"guest_enable=YES;guest_username=x":              "vsftpd: cannot locate user specified in 'guest_username':x\n  F:9: ",
		"anonymous_enable=YES;ftp_username=x":            "vsftpd: cannot locate user specified in 'ftp_username':x\n  F:9: ",
		anonymous + "chown_uploads=YES;chown_username=x": "vsftpd: cannot locate user specified in 'chown_username':x\n  F:11: ",
		"xferlog_enable=YES;vsftpd_log_file=":            "failed to open log file:\n  F:9: ",
		"dual_log_enable=YES;xferlog_file=x":             "not supported: xferlog_file=x\n  F:9: ",
	} {
		tr := translated(t, more, files)
		require.Len(t, tr.Mistakes, 1, "%s: %v", more, tr.Mistakes)
		require.Contains(t, tr.Mistakes[0].Error(), "500 OOPS: "+want)
	}
	require.Empty(t, translated(t, "anonymous_enable=NO;anon_upload_enable=YES;chown_uploads=YES;deny_email_enable=YES", nil).Mistakes, "nobody is anonymous")
}

// Notes tell what is different, and only that.
func TestTranslationNotes(t *testing.T) {
	for more, want := range map[string]string{
		"":                                   "",
		"ssl_sslv2=YES;dirmessage_enable=NO": "",
		"ssl_enable=YES;ssl_sslv2=YES":       "F:9: ssl_sslv2=YES: Sallyport speaks TLS 1.2 and newer only, by Go's choice of ciphers",
		"connect_timeout=0074":               "",
		"connect_timeout=0":                  "F:8: connect_timeout=0: clients have 30 seconds, where vsftpd would wait for ever",
		"file_open_mode=0066":                "F:8: file_open_mode=0066: new files can be read and written by their owner, and have no bits but those of rwx",
		"chroot_local_user=NO":               "F:8: chroot_local_user=NO: users see all files of this host that they may read, and begin in their home",
		"anonymous_enable=YES":               "F:8: anonymous_enable=YES: everybody can log in as anonymous",
		"listen_ipv6=YES":                    "F:8: listen_ipv6=YES: Sallyport listens for IPv4 and IPv6, where vsftpd would not start",
		"local_umask=0722":                   "F:8: local_umask=0722: users keep all rights to their own files",
		"local_root=/home/$USER":             "F:8: local_root=/home/$USER: the $ is meant literally, since user_sub_token is not set",
		"pasv_address=0.0.0.0":               "F:8: pasv_address=0.0.0.0: clients are told the address that they have dialled; remove the line",
		"hide_file=*.x":                      "F:8: hide_file=*.x: such names can't be used either",
		"ascii_upload_enable=YES":            "F:8: ascii_upload_enable=YES: line ends are not converted at all, since ascii_download_enable says otherwise",
	} {
		tr := translated(t, more, nil)
		var got []string
		for _, n := range tr.Notes {
			if n.Place != (Place{}) { // others are about defaults
				got = append(got, n.String())
			}
		}
		require.Equal(t, want, strings.Join(got, "\n"), more)
	}
	c := &Config{}
	require.Contains(t, fmt.Sprint(Translate(c, machine(nil)).Notes), "anonymous_enable=YES (the default): everybody can log in as anonymous")
	require.Contains(t, fmt.Sprint(Translate(c, machine(nil)).Notes), "listen=NO (the default): it is not set, and Sallyport listens; ")
}

// Started with a socket, the server serves it unless an option says that it is to listen.
func TestSocket(t *testing.T) {
	for text, want := range map[string]string{"": "192.0.2.1:21", "listen=NO": "192.0.2.1:21", "listen=YES": "0.0.0.0:21", "listen_ipv6=YES": ":21"} {
		c := &Config{Socket: "192.0.2.1:21"}
		c.Parse("F", text+"\nanonymous_enable=YES\n")
		tr := Translate(c, machine(nil))
		require.Empty(t, tr.Mistakes)
		require.Equal(t, want, tr.value("", "listen"), text)
	}
}

func TestTOML(t *testing.T) {
	tr := translated(t, "ftp_enable=NO;reverse_lookup_enable=YES", nil)
	text := tr.TOML([]string{"F"})
	require.Contains(t, text, "# Made by sallyport vsftpd --to-toml from F.\n# could NOT be carried over: not supported: ftp_enable=NO\n#  F:8: Sallyport serves nothing else\n")
	require.Contains(t, text, "# different: F:9: reverse_lookup_enable=YES: PAM is told the address of the client, not its name\n")
	require.Contains(t, text, "passive = \"30000-30009\"                  # F:6: pasv_min_port=30000; F:7: pasv_max_port=30009\n")
	require.Contains(t, text, "\n[group.local]\nfile-mode = \"0666\"                       # default: file_open_mode=0666\numask = \"077\"                            # default: local_umask=077\n")
	require.Equal(t, Place{"F", 6}, tr.Keys()["passive"])
	require.Equal(t, Place{File: "default: local_umask=077"}, tr.Keys()["group.local.umask"])
}

func TestPorts(t *testing.T) {
	require.Equal(t, "TCP to port 21 (logins) and to ports 30000-30009 (data), and out from here to clients that use active mode", translated(t, "", nil).Ports())
	require.Equal(t, "TCP to port 990 (logins) and to all ports from 1024 on (data)",
		translated(t, "ssl_enable=YES;implicit_ssl=YES;listen_port=990;port_enable=NO;pasv_min_port=0;pasv_max_port=0", nil).Ports())
	require.Equal(t, "TCP to port 21 (logins)", translated(t, "port_enable=NO;pasv_enable=NO", nil).Ports())
}

// cmds_allowed leaves nothing but what it names and what a login needs, so verbs have to be all that the server has.
func TestAllowedCommands(t *testing.T) {
	disabled, _ := translated(t, "ssl_enable=YES;cmds_allowed=RETR,pasv", nil).value("", "disable").([]string)
	require.NotContains(t, disabled, "RETR")
	require.NotContains(t, disabled, "PASV")
	require.NotContains(t, disabled, "USER")
	require.Contains(t, disabled, "STOR")

	srv := ftpstest.Start(t)
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.NoError(t, err)
	defer c.Close()
	help, err := c.Cmd(214, "HELP")
	require.NoError(t, err)
	known := strings.Fields(strings.Join(help.Lines[1:len(help.Lines)-1], " "))
	require.Greater(t, len(known), 40)
	for _, verb := range known {
		verb = strings.TrimSuffix(verb, "*") // one that is recognized only
		require.True(t, unknownToServer(verb) || slices.Contains(verbs, verb), "verbs lacks %s", verb)
	}
	for _, verb := range verbs {
		require.True(t, slices.Contains(always, verb) || !unknownToServer(verb), verb)
	}
}

// Each option that the table calls honoured is looked at by the translation.
func TestHonouredOptionsAreLookedAt(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var code strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") && file != "table.go" {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			code.Write(text)
		}
	}
	for _, o := range Options {
		if o.Treatment == Honoured {
			require.True(t, strings.Contains(code.String(), `"`+o.Name+`"`), o.Name)
		}
	}
}
