package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// systemLog is the file that ProFTPD writes errors to.
const systemLog = "system.log"

// startVsftpd runs vsftpd with local users that exist for its processes only.
//
// Its isolation in namespaces, which is on by default, is off here, as people who
// care for speed choose. Its seccomp filter is off, too, since it kills vsftpd on
// newer kernels.
func startVsftpd(ctx context.Context, s *setup) (*instance, error) {
	at, err := s.site()
	if err != nil {
		return nil, err
	}
	if err := s.localUsers("vsftpd"); err != nil {
		return nil, err
	}
	empty := filepath.Join(s.scratch, "empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return nil, err
	}
	conf, err := s.write("vsftpd.conf", `background=NO
listen=YES
listen_ipv6=NO
listen_address=127.0.0.1
listen_port=%d
pasv_min_port=%d
pasv_max_port=%d
anonymous_enable=NO
local_enable=YES
write_enable=YES
local_umask=022
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir=%s
pam_service_name=vsftpd
nopriv_user=nobody
ssl_enable=YES
force_local_logins_ssl=NO
force_local_data_ssl=NO
require_ssl_reuse=NO
ssl_ciphers=HIGH
rsa_cert_file=%s
rsa_private_key_file=%s
use_sendfile=YES
xferlog_enable=NO
max_clients=0
max_per_ip=0
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
`, at.port, at.low, at.high, empty, s.cert, s.key)
	if err != nil {
		return nil, err
	}
	server := s.unpacked(ctx, "sbin/vsftpd")
	cmd := s.unpacked(ctx, "")
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-ec", `
		mount --bind passwd /etc/passwd
		mount --bind pam.d /etc/pam.d
		exec "$@"`, "sh", server.Path, conf}
	confine(cmd)
	return launch(ctx, "vsftpd", at.addr, s, cmd)
}

// localUsers makes files in scratch that let the users log in to a service once
// they are mounted over the system's files.
func (s *setup) localUsers(service string) error {
	users, err := s.passwd(":/bin/sh")
	if err != nil {
		return err
	}
	known, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	if _, err := s.write("passwd", "%s%s", known, users); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(s.scratch, "pam.d"), 0o755); err != nil {
		return err
	}
	_, err = s.write("pam.d/"+service, "auth required pam_unix.so\naccount required pam_permit.so\n")
	return err
}

// startProFTPD runs ProFTPD with a file of users. ProFTPD gets a certificate
// authority although no client shows a certificate: without one it reads all of
// the system's authorities in every session, which takes ten times as long as a
// login.
func startProFTPD(ctx context.Context, s *setup) (*instance, error) {
	at, err := s.site()
	if err != nil {
		return nil, err
	}
	accounts, err := s.passwd(":/bin/sh")
	if err != nil {
		return nil, err
	}
	users, err := s.write("users", "%s", accounts)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(users, 0o600); err != nil { // ProFTPD demands that
		return nil, err
	}
	conf, err := s.write("proftpd.conf", `ServerName bench
ServerType standalone
DefaultAddress 127.0.0.1
UseIPv6 off
Port %d
PassivePorts %d %d
PidFile %[4]s/pid
ScoreboardFile %[4]s/scoreboard
ModulePath %[5]s/usr/lib/proftpd
LoadModule mod_tls.c
User nobody
Group nogroup
AuthUserFile %[6]s
AuthOrder mod_auth_file.c
RequireValidShell off
UseFtpUsers off
DefaultRoot ~
AllowOverwrite on
MaxInstances %[7]d
UseSendfile on
UseReverseDNS off
DelayEngine off
TransferLog none
WtmpLog off
SystemLog %[4]s/%[8]s
SyslogLevel warn
TLSEngine on
TLSRequired off
TLSProtocol TLSv1.2 TLSv1.3
TLSOptions NoSessionReuseRequired
TLSECCertificateFile %[9]s
TLSCACertificateFile %[9]s
TLSECCertificateKeyFile %[10]s
`, at.port, at.low, at.high, s.scratch, s.daemons, users, maxSessions, systemLog, s.cert, s.key)
	if err != nil {
		return nil, err
	}
	cmd := s.unpacked(ctx, "sbin/proftpd", "-n", "-c", conf)
	confine(cmd)
	return launch(ctx, "ProFTPD", at.addr, s, cmd)
}

// startPureFTPd runs Pure-FTPd with its database of users.
func startPureFTPd(ctx context.Context, s *setup) (*instance, error) {
	at, err := s.site()
	if err != nil {
		return nil, err
	}
	accounts, err := s.passwd("/./::::::::::::")
	if err != nil {
		return nil, err
	}
	users, err := s.write("users", "%s", accounts)
	if err != nil {
		return nil, err
	}
	db := filepath.Join(s.scratch, "users.pdb")
	if out, err := s.unpacked(ctx, "bin/pure-pw", "mkdb", db, "-f", users).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pure-pw: %w\n%s", err, out)
	}
	cmd := s.unpacked(ctx, "sbin/pure-ftpd",
		"--bind", fmt.Sprintf("127.0.0.1,%d", at.port),
		"--passiveportrange", fmt.Sprintf("%d:%d", at.low, at.high),
		"--login", "puredb:"+db,
		"--noanonymous",
		"--tls", "1", // TLS is offered
		"--certfile", s.cert+","+s.key,
		"--maxclientsnumber", fmt.Sprint(maxSessions),
		"--maxclientsperip", fmt.Sprint(maxSessions),
		"--limitrecursion", "2000000:10", // the most names in a listing, with "." and ".."
		"--syslogfacility", "none",
		"--dontresolve",
		"--pidfile", filepath.Join(s.scratch, "pid"))
	confine(cmd)
	return launch(ctx, "Pure-FTPd", at.addr, s, cmd)
}
