package vsftpd

// Reasons that several options share.
const (
	becauseTLS       = "Sallyport speaks TLS 1.2 and newer only, by Go's choice of ciphers"
	becauseOneKey    = "Sallyport takes one certificate, that of rsa_cert_file"
	becauseConfined  = "each process of Sallyport is confined by Landlock and seccomp as far as the kernel can"
	becauseLogs      = "it is followed when it is renamed"
	becauseDelays    = "Sallyport delays logins by itself, the more the more were refused"
	becauseCopies    = "Sallyport chooses by itself how bytes are moved"
	becauseUploadOne = "Sallyport moves only whole files into place, or locks none"
)

// Options holds all options of Debian's vsftpd 3.0.3 and those that Red Hat's has besides, in the order of the
// documentation. Defaults are those of Debian's binary, and of Red Hat's for its own options.
var Options = []Option{
	// The listener and the process.
	{Name: "listen", Kind: Bool, Default: "NO", Why: "if it is not set, and listen_ipv6 is not YES, Sallyport listens, as vsftpd of other distributions does; with both YES it serves both"},
	{Name: "listen_ipv6", Kind: Bool, Default: "NO"},
	{Name: "listen_port", Kind: Number, Default: "21"},
	{Name: "listen_address", Kind: Word},
	{Name: "listen_address6", Kind: Word},
	{Name: "background", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", Why: "Sallyport stays in the foreground, as systemd and containers want it"},
	{Name: "run_as_launching_user", Kind: Bool, Default: "NO", Why: "one process then, which serves anonymous users only"},
	{Name: "one_process_model", Kind: Bool, Default: "NO", Treatment: Moot, Why: "sessions cost Sallyport no process"},
	{Name: "nopriv_user", Kind: Word, Default: "nobody", Why: "it is run-as: what clients reach has the rights of this user"},
	{Name: "secure_chroot_dir", Kind: Word, Default: "/var/run/vsftpd/empty", Treatment: Moot, Why: becauseConfined},
	{Name: "setproctitle_enable", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", Why: "sallyport sessions shows who does what"},
	{Name: "session_support", Kind: Bool, Default: "NO", Treatment: Moot, Why: "sessions of PAM are opened for all local users"},
	{Name: "tcp_wrappers", Kind: Bool, Default: "NO", Why: "hosts.allow and hosts.deny count as far as they speak of addresses; rules with names of clients, commands or VSFTPD_LOAD_CONF are refused at the start"},
	{Name: "isolate", Kind: Bool, Default: "YES", Treatment: Moot, Why: becauseConfined},
	{Name: "isolate_network", Kind: Bool, Default: "YES", Treatment: Moot, Why: becauseConfined},
	{Name: "seccomp_sandbox", Kind: Bool, Default: "NO", Treatment: Moot, Why: becauseConfined},
	{Name: "ptrace_sandbox", Kind: Bool, Default: "NO", Treatment: Moot, Why: becauseConfined},
	{Name: "ftp_enable", Kind: Bool, Default: "YES", Treatment: Refused, Same: "YES", Why: "Sallyport serves nothing else"},
	{Name: "http_enable", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", Why: "Sallyport speaks no HTTP"},

	// Data connections.
	{Name: "pasv_enable", Kind: Bool, Default: "YES", Why: "NO is answered by 502 instead of 550"},
	{Name: "pasv_min_port", Kind: Number, Default: "5001", Why: "ports never leave the range; without a range the system chooses them"},
	{Name: "pasv_max_port", Kind: Number, Default: "0", Why: "below pasv_min_port the two are taken the other way round, where vsftpd goes up to 65535"},
	{Name: "pasv_address", Kind: Word, If: "pasv_enable", Why: "a wrong one is told at the start, and 0.0.0.0 means the address that the client has dialled"},
	{Name: "pasv_addr_resolve", Kind: Bool, Default: "NO", Why: "the name is looked up again and again, not only at the start"},
	{Name: "pasv_promiscuous", Kind: Bool, Default: "NO", Why: "a data port then serves one client at a time, and under TLS a connection still has to prove itself where require_ssl_reuse says so"},
	{Name: "port_enable", Kind: Bool, Default: "YES", Why: "NO is answered by 502 instead of 550"},
	{Name: "port_promiscuous", Kind: Bool, Default: "NO"},
	{Name: "connect_from_port_20", Kind: Bool, Default: "NO", If: "port_enable"},
	{Name: "ftp_data_port", Kind: Number, Default: "20", If: "connect_from_port_20"},
	{Name: "accept_timeout", Kind: Number, Default: "60", Why: "the reply to a transfer that waits in vain is 425, and the session goes on"},
	{Name: "connect_timeout", Kind: Number, Default: "60"},
	{Name: "data_connection_timeout", Kind: Number, Default: "300", Why: "a transfer that stalls is answered with 426, and the session goes on; nothing else interrupts a session during a transfer"},

	// TLS.
	{Name: "ssl_enable", Kind: Bool, Default: "NO"},
	{Name: "implicit_ssl", Kind: Bool, Default: "NO", If: "ssl_enable"},
	{Name: "allow_anon_ssl", Kind: Bool, Default: "NO", Treatment: Moot, If: "ssl_enable", Why: "anonymous users may always use TLS"},
	{Name: "force_local_logins_ssl", Kind: Bool, Default: "YES", If: "ssl_enable", Why: "where anonymous users may come in clear, others are refused after PASS, not after USER"},
	{Name: "force_local_data_ssl", Kind: Bool, Default: "YES", If: "ssl_enable"},
	{Name: "force_anon_logins_ssl", Kind: Bool, Default: "NO", If: "ssl_enable"},
	{Name: "force_anon_data_ssl", Kind: Bool, Default: "NO", If: "ssl_enable"},
	{Name: "require_ssl_reuse", Kind: Bool, Default: "YES", If: "ssl_enable", Why: "NO still refuses data connections that resume the session of somebody else"},
	{Name: "rsa_cert_file", Kind: Word, Default: "/usr/share/ssl/certs/vsftpd.pem", If: "ssl_enable", Why: "a missing or empty one is told at the start, and a renewed one needs no restart"},
	{Name: "rsa_private_key_file", Kind: Word, If: "ssl_enable"},
	{Name: "dsa_cert_file", Kind: Word, Treatment: Warned, If: "ssl_enable", Why: becauseOneKey},
	{Name: "dsa_private_key_file", Kind: Word, Treatment: Warned, If: "ssl_enable", Why: becauseOneKey},
	{Name: "ca_certs_file", Kind: Word, If: "ssl_enable"},
	{Name: "ssl_request_cert", Kind: Bool, Default: "YES", If: "ssl_enable", Why: "nobody is asked without ca_certs_file, since nothing would come of the answer"},
	{Name: "require_cert", Kind: Bool, Default: "NO", If: "ssl_enable", Why: "the certificate has to be signed by ca_certs_file, and its common name to be that of the user; without ca_certs_file it is refused"},
	{Name: "validate_cert", Kind: Bool, Default: "NO", Treatment: Moot, If: "ssl_enable", Why: "a certificate that doesn't verify proves nothing"},
	{Name: "ssl_ciphers", Kind: Word, Default: "ECDHE-RSA-AES256-GCM-SHA384", Treatment: Moot, Why: becauseTLS},
	{Name: "ssl_sslv2", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", If: "ssl_enable", Why: becauseTLS},
	{Name: "ssl_sslv3", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", If: "ssl_enable", Why: becauseTLS},
	{Name: "ssl_tlsv1", Kind: Bool, Default: "YES", Treatment: Moot, Why: becauseTLS},
	{Name: "strict_ssl_read_eof", Kind: Bool, Default: "YES", If: "ssl_enable", Why: "an upload without close_notify leaves no file, where vsftpd keeps what came"},
	{Name: "strict_ssl_write_shutdown", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", If: "ssl_enable", Why: "a download counts when the client has its bytes"},
	{Name: "debug_ssl", Kind: Bool, Default: "NO", Treatment: Moot, Why: "the log tells of handshakes that fail"},

	// Logins and accounts.
	{Name: "anonymous_enable", Kind: Bool, Default: "YES"},
	{Name: "local_enable", Kind: Bool, Default: "NO"},
	{Name: "pam_service_name", Kind: Word, Default: "vsftpd", If: "local_enable", Why: "PAM is asked by the program sallyport-pam"},
	{Name: "check_shell", Kind: Bool, Default: "YES", Treatment: Moot, Why: "PAM checks shells, as in Debian's vsftpd"},
	{Name: "userlist_enable", Kind: Bool, Default: "NO", Why: "who may not log in is told so after PASS, as to a wrong password"},
	{Name: "userlist_deny", Kind: Bool, Default: "YES", If: "userlist_enable"},
	{Name: "userlist_file", Kind: Word, Default: "/etc/vsftpd.user_list", If: "userlist_enable", Why: "a missing one is told at the start"},
	{Name: "guest_enable", Kind: Bool, Default: "NO", If: "local_enable"},
	{Name: "guest_username", Kind: Word, Default: "ftp", If: "guest_enable"},
	{Name: "virtual_use_local_privs", Kind: Bool, Default: "NO", If: "guest_enable"},
	{Name: "user_sub_token", Kind: Word, If: "local_enable"},
	{Name: "user_config_dir", Kind: Word, Why: "files are read at the start and by SIGHUP, and mistakes in them told then"},
	{Name: "ftp_username", Kind: Word, Default: "ftp", If: "anonymous_enable"},
	{Name: "no_anon_password", Kind: Bool, Default: "NO", If: "anonymous_enable"},
	{Name: "deny_email_enable", Kind: Bool, Default: "NO", If: "anonymous_enable"},
	{Name: "banned_email_file", Kind: Word, Default: "/etc/vsftpd.banned_emails", Why: "a missing one is told at the start"},
	{Name: "secure_email_list_enable", Kind: Bool, Default: "NO", If: "anonymous_enable"},
	{Name: "email_password_file", Kind: Word, Default: "/etc/vsftpd.email_passwords", Why: "a missing one is told at the start"},
	{Name: "max_login_fails", Kind: Number, Default: "3"},
	{Name: "delay_failed_login", Kind: Number, Default: "1", Treatment: Moot, Why: becauseDelays},
	{Name: "delay_successful_login", Kind: Number, Default: "0", Treatment: Warned, Same: "0", Why: becauseDelays},

	// Jails and paths.
	{Name: "chroot_local_user", Kind: Bool, Default: "NO", Why: "with NO users see /, as far as their rights go, but for /proc, /sys and /dev; links with absolute paths lead nowhere"},
	{Name: "chroot_list_enable", Kind: Bool, Default: "NO", If: "local_enable", Why: "the list is read at the start and by SIGHUP, and a missing one told then"},
	{Name: "chroot_list_file", Kind: Word, Default: "/etc/vsftpd.chroot_list"},
	{Name: "allow_writeable_chroot", Kind: Bool, Default: "NO", Treatment: Moot, Why: "no program is run in a home, so a writable one is no danger"},
	{Name: "passwd_chroot_enable", Kind: Bool, Default: "NO", If: "local_enable", Why: "local_root, where it is set, has to be in what stands before /./"},
	{Name: "local_root", Kind: Word, If: "local_enable"},
	{Name: "anon_root", Kind: Word, If: "anonymous_enable"},
	{Name: "tilde_user_enable", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", Why: "~ is a name as any other"},
	{Name: "deny_file", Kind: Word, Why: "such names are hidden as well"},
	{Name: "hide_file", Kind: Word, Why: "such names can't be used either"},
	{Name: "download_file", Kind: Word},
	{Name: "upload_file", Kind: Word, Why: "renaming a file to another name is refused as well"},

	// What may be written.
	{Name: "write_enable", Kind: Bool, Default: "NO"},
	{Name: "anon_upload_enable", Kind: Bool, Default: "NO", If: "write_enable"},
	{Name: "anon_mkdir_write_enable", Kind: Bool, Default: "NO", If: "write_enable"},
	{Name: "anon_other_write_enable", Kind: Bool, Default: "NO", If: "write_enable"},
	{Name: "anon_world_readable_only", Kind: Bool, Default: "YES", Why: "checksums, too, can be had of such files only"},
	{Name: "local_umask", Kind: Number, Default: "077", If: "local_enable", Why: "users keep all rights to their own files"},
	{Name: "anon_umask", Kind: Number, Default: "077", Why: "as local_umask"},
	{Name: "file_open_mode", Kind: Number, Default: "0666", If: "write_enable"},
	{Name: "chown_uploads", Kind: Bool, Default: "NO", If: "anon_upload_enable", Why: "not with run_as_launching_user, which vsftpd, too, does without"},
	{Name: "chown_username", Kind: Word, Default: "root"},
	{Name: "chown_upload_mode", Kind: Number, Default: "0600", Why: "bits such as setuid are left out"},
	{Name: "chmod_enable", Kind: Bool, Default: "YES"},
	{Name: "mdtm_write", Kind: Bool, Default: "YES"},
	{Name: "lock_upload_files", Kind: Bool, Default: "YES", Treatment: Moot, Why: becauseUploadOne},
	{Name: "delete_failed_uploads", Kind: Bool, Default: "NO", Why: "YES shows a file only when it is whole"},
	{Name: "download_enable", Kind: Bool, Default: "YES"},
	{Name: "dirlist_enable", Kind: Bool, Default: "YES"},
	{Name: "cmds_allowed", Kind: Word},
	{Name: "cmds_denied", Kind: Word},

	// Listings and transfers.
	{Name: "ascii_download_enable", Kind: Bool, Default: "NO", Why: "line ends are converted both ways or not at all: as ascii_download_enable says"},
	{Name: "ascii_upload_enable", Kind: Bool, Default: "NO"},
	{Name: "async_abor_enable", Kind: Bool, Default: "NO", Treatment: Moot, Why: "ABOR is heard during every transfer"},
	{Name: "ls_recurse_enable", Kind: Bool, Default: "NO", Why: "a tree where 100,000 directories have to be remembered at once is refused with 451"},
	{Name: "force_dot_files", Kind: Bool, Default: "NO", Why: "LIST -a lists neither . nor .., and a pattern that begins with a dot finds such names"},
	{Name: "hide_ids", Kind: Bool, Default: "NO"},
	{Name: "text_userdb_names", Kind: Bool, Default: "NO"},
	{Name: "use_localtime", Kind: Bool, Default: "NO", Why: "MLSD and MFMT, which vsftpd hasn't, are always UTC"},
	{Name: "dirmessage_enable", Kind: Bool, Default: "NO"},
	{Name: "message_file", Kind: Word, Default: ".message", Why: "control characters, which could command a terminal, are left out"},
	{Name: "ftpd_banner", Kind: Text},
	{Name: "banner_file", Kind: Word, Why: "a missing one is told at the start"},
	{Name: "use_sendfile", Kind: Bool, Default: "YES", Treatment: Moot, Why: becauseCopies},
	{Name: "trans_chunk_size", Kind: Number, Default: "0", Treatment: Moot, Why: becauseCopies},
	{Name: "utf8_filesystem", Kind: Bool, Default: "NO", Treatment: Moot, Why: "names are UTF-8, and others are sent as they are"},

	// Limits.
	{Name: "max_clients", Kind: Number, Default: "2000"},
	{Name: "max_per_ip", Kind: Number, Default: "50", Why: "an IPv6 network of 64 bits counts as one address"},
	{Name: "idle_session_timeout", Kind: Number, Default: "300"},
	{Name: "local_max_rate", Kind: Number, Default: "0", If: "local_enable", Why: "all sessions of a user share it"},
	{Name: "anon_max_rate", Kind: Number, Default: "0", Why: "all anonymous sessions share it"},

	// Logs.
	{Name: "xferlog_enable", Kind: Bool, Default: "NO", Why: "logs are opened at the start, and a file that can't be opened is told then"},
	{Name: "xferlog_std_format", Kind: Bool, Default: "NO"},
	{Name: "xferlog_file", Kind: Word, Default: "/var/log/xferlog", Why: becauseLogs},
	{Name: "vsftpd_log_file", Kind: Word, Default: "/var/log/vsftpd.log", Why: becauseLogs},
	{Name: "dual_log_enable", Kind: Bool, Default: "NO"},
	{Name: "syslog_enable", Kind: Bool, Default: "NO"},
	{Name: "log_ftp_protocol", Kind: Bool, Default: "NO", Why: "each line of a reply has one line, without ?? for its end"},
	{Name: "no_log_lock", Kind: Bool, Default: "NO", Treatment: Moot, Why: "logs are not locked"},

	// What Red Hat's has besides.
	{Name: "ssl_tlsv1_1", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", If: "ssl_enable", Why: becauseTLS},
	{Name: "ssl_tlsv1_2", Kind: Bool, Default: "YES", Treatment: Warned, Same: "YES", If: "ssl_enable", Why: becauseTLS},
	{Name: "ssl_tlsv1_3", Kind: Bool, Default: "YES", Treatment: Warned, Same: "YES", If: "ssl_enable", Why: becauseTLS},
	{Name: "dh_param_file", Kind: Word, Treatment: Moot, Why: becauseTLS},
	{Name: "ecdh_param_file", Kind: Word, Treatment: Moot, Why: becauseTLS},
	{Name: "ssl_sni_hostname", Kind: Word, Treatment: Warned, If: "ssl_enable", Why: "clients may ask for any name"},
	{Name: "better_stou", Kind: Bool, Default: "NO", Treatment: Moot, Why: "names of STOU are random"},
	{Name: "log_die", Kind: Bool, Default: "NO", Treatment: Moot, Why: "what goes wrong is in the log"},
	{Name: "wc_logs_enable", Kind: Bool, Default: "NO", Treatment: Warned, Same: "NO", Why: "logs of vsftpd are ASCII, with a question mark for each other byte"},
	{Name: "bind_retries", Kind: Number, Default: "9", Treatment: Moot, Why: "a client waits for a free port, and sessions share ports"},
	{Name: "reverse_lookup_enable", Kind: Bool, Default: "YES", Treatment: Warned, Same: "NO", If: "local_enable", Why: "PAM is told the address of the client, not its name"},
	{Name: "userlist_log", Kind: Bool, Default: "NO", Treatment: Moot, Why: "a login that the list refuses has its line as any other"},
}
