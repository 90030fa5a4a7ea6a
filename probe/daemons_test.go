//go:build linux

package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// hashed is the hash of "secret" by crypt(3).
const hashed = "$5$2fmbnSltzqGkCPfi$mt0wpyyMtvn9lWzmlMbdSuZy/17PLvFe8GjwMUDsKk7"

// nobody is Debian's user of that name. daemon is a user whose home exists, which vsftpd demands.
const (
	nobody = 65534
	daemon = 1
)

// site is what a daemon is configured with.
type site struct {
	t         *testing.T
	ftpds     string // where bench/fetch.sh has unpacked the daemons
	dir       string // a directory for files, readable for users without privileges
	home      string // has a directory "in", which the login may write to
	cert, key string
	control   int
	low, high int
	announce  string // an address to announce instead of the right one
}

func (s *site) write(name, format string, args ...any) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	require.NoError(s.t, os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o600))
	return path
}

func (s *site) path(parts ...string) string {
	return filepath.Join(append([]string{s.ftpds}, parts...)...)
}

// command returns a command that runs an unpacked program with the unpacked libraries.
func (s *site) command(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	var libs []string
	for _, pattern := range []string{"usr/lib/*-linux-*", "lib/*-linux-*"} {
		found, err := filepath.Glob(s.path(pattern))
		require.NoError(s.t, err)
		libs = append(libs, found...)
	}
	cmd := exec.Command(s.path("usr", name), args...)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libs, ":"))
	return cmd
}

// ftpds are the daemons, and what a probe of each has to find if it is set up well.
var ftpds = []struct {
	name  string
	want  []ID
	start func(*site) *exec.Cmd
}{
	{"vsftpd", []ID{DataWorks, ReuseRequired, UploadWorks}, func(s *site) *exec.Cmd {
		announce := ""
		if s.announce != "" {
			announce = "pasv_address=" + s.announce
		}
		require.NoError(s.t, os.Chown(filepath.Join(s.home, "in"), daemon, daemon))
		empty := filepath.Join(s.dir, "empty")
		require.NoError(s.t, os.Mkdir(empty, 0o755))
		return s.command("sbin/vsftpd", s.write("vsftpd.conf", `listen=YES
listen_ipv6=NO
background=NO
listen_address=127.0.0.1
listen_port=%d
pasv_min_port=%d
pasv_max_port=%d
anonymous_enable=YES
no_anon_password=NO
anon_root=%s
anon_upload_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
write_enable=YES
xferlog_enable=NO
ftp_username=daemon
nopriv_user=nobody
secure_chroot_dir=%s
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
ssl_ciphers=HIGH
rsa_cert_file=%s
rsa_private_key_file=%s
%s
`, s.control, s.low, s.high, s.home, empty, s.cert, s.key, announce))
	}},
	{"proftpd", []ID{DataWorks, ReuseRequired, UploadWorks}, func(s *site) *exec.Cmd {
		announce := ""
		if s.announce != "" {
			announce = "MasqueradeAddress " + s.announce
		}
		users := s.write("passwd", "alice:%s:%d:%d::%s:/bin/sh\n", hashed, nobody, nobody, s.home)
		return s.command("sbin/proftpd", "-n", "-c", s.write("proftpd.conf", `ServerName "a test"
ServerType standalone
DefaultAddress 127.0.0.1
UseIPv6 off
Port %d
PassivePorts %d %d
PidFile %s/pid
ScoreboardFile %s/scoreboard
ModulePath %s
LoadModule mod_tls.c
User nobody
Group nogroup
AuthUserFile %s
AuthOrder mod_auth_file.c
RequireValidShell off
UseFtpUsers off
TransferLog none
WtmpLog off
SystemLog none
DelayEngine off
TLSEngine on
TLSRequired on
TLSRSACertificateFile %s
TLSRSACertificateKeyFile %s
%s
`, s.control, s.low, s.high, s.dir, s.dir, s.path("usr/lib/proftpd"), users, s.cert, s.key, announce))
	}},
	{"pure-ftpd", []ID{DataWorks, ReuseNone, UploadWorks}, func(s *site) *exec.Cmd {
		users := s.write("users", "alice:%s:%d:%d::%s/./::::::::::::\n", hashed, nobody, nobody, s.home)
		db := filepath.Join(s.dir, "users.pdb")
		out, err := s.command("bin/pure-pw", "mkdb", db, "-f", users).CombinedOutput()
		require.NoError(s.t, err, "%s", out)
		args := []string{"-S", fmt.Sprintf("127.0.0.1,%d", s.control), "-l", "puredb:" + db, "-Y", "2",
			"-2", s.cert + "," + s.key, "-p", fmt.Sprintf("%d:%d", s.low, s.high), "-H", "-E", "-u", "1",
			"-g", filepath.Join(s.dir, "pid")}
		if s.announce != "" {
			args = append(args, "-P", s.announce)
		}
		return s.command("sbin/pure-ftpd", args...)
	}},
}

// TestDaemons probes other servers, once set up well and once with a wrong announced address.
func TestDaemons(t *testing.T) {
	testenv.NeedRoot(t)
	dir := os.Getenv("SALLYPORT_FTPDS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		require.NoError(t, err)
		dir = filepath.Join(cache, "sallyport", "ftpds")
	}
	for _, d := range ftpds {
		t.Run(d.name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join(dir, "usr", "sbin", d.name)); err != nil {
				testenv.Missing(t, "%s is not unpacked: run bench/fetch.sh and set SALLYPORT_FTPDS", d.name)
			}
			right := newSite(t, dir)
			report := right.probe(d.start(right))
			for _, id := range append(d.want, ExplicitWorks, CertTrusted, PassiveAddressOK) {
				_, ok := report.Find(id)
				require.True(t, ok, "no finding %s", id)
			}
			require.True(t, report.OK)
			require.GreaterOrEqual(t, int(report.Request.DataLow), right.low)
			require.LessOrEqual(t, int(report.Request.DataHigh), right.high)

			wrong := newSite(t, dir)
			wrong.announce = "10.11.12.13"
			report = wrong.probe(d.start(wrong))
			_, ok := report.Find(PasvPrivate)
			require.True(t, ok)
			require.False(t, report.OK)
		})
	}
}

func newSite(t *testing.T, ftpds string) *site {
	t.Helper()
	// Doesn't use t.TempDir, which only its owner may enter.
	dir, err := os.MkdirTemp("/var/tmp", "sallyport-probe-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	s := &site{t: t, ftpds: ftpds, dir: dir, home: filepath.Join(dir, "home")}
	require.NoError(t, os.MkdirAll(filepath.Join(s.home, "in"), 0o755))
	require.NoError(t, os.Chown(filepath.Join(s.home, "in"), nobody, nobody))

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	s.key = s.write("key.pem", "%s", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	s.cert = s.write("cert.pem", "%s", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issue(root(), key, nil).der}))
	s.low = testenv.FreePorts(t, 12)
	s.control, s.low, s.high = s.low, s.low+1, s.low+11
	return s
}

// probe starts the daemon, waits until it listens, probes it and ends it.
func (s *site) probe(cmd *exec.Cmd) *Report {
	s.t.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 10 * time.Second
	require.NoError(s.t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if s.t.Failed() {
			s.t.Logf("the daemon said:\n%s", output.String())
		}
	}()
	at := fmt.Sprintf("127.0.0.1:%d", s.control)
	require.Eventually(s.t, func() bool {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 20*time.Second, 50*time.Millisecond, "the daemon does not listen")
	p := &Probe{
		Host: "127.0.0.1", Ports: []uint16{uint16(s.control)}, User: "alice", Password: "secret", RootCAs: pool(root()),
		Path: "/in", AllowWrite: true, Timeout: 20 * time.Second,
	}
	if strings.HasSuffix(cmd.Path, "/vsftpd") {
		p.User = "anonymous"
	} else if strings.HasSuffix(cmd.Path, "/proftpd") {
		p.Path = s.home + "/in"
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Minute)
	defer cancel()
	report := p.Run(ctx)
	s.t.Logf("\n%s", report)
	return report
}
