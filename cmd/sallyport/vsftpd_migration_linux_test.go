package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// restless is a client that stores files and fetches them again for as long as it is let, and logs in again when its
// connection ends. Nothing else may go wrong for it.
type restless struct {
	addr, user string

	stored atomic.Int64
	last   atomic.Value // the text of the last error
	losses []string     // with what each connection has ended, read after ended
	stop   chan struct{}
	ended  chan error
}

func startRestless(t *testing.T, addr, user string) *restless {
	t.Helper()
	r := &restless{addr: addr, user: user, stop: make(chan struct{}), ended: make(chan error, 1)}
	go func() { r.ended <- r.work() }()
	return r
}

// work works until it is stopped. It returns what has gone wrong besides the end of a connection.
func (r *restless) work() error {
	var c *ftpclient.Client
	var lost time.Time // when the connection ended; zero while there is one
	for {
		select {
		case <-r.stop:
			if c != nil {
				c.Close()
			}
			return nil
		default:
		}
		var err error
		if c == nil {
			c, err = r.login()
		}
		if err == nil {
			err = r.round(c)
		}
		if err == nil {
			lost = time.Time{}
			continue
		}
		if !isEnd(err) {
			return err
		}
		r.last.Store(err.Error())
		if lost.IsZero() {
			lost = time.Now()
			r.losses = append(r.losses, err.Error())
		}
		if time.Since(lost) > time.Minute {
			return fmt.Errorf("no server for a minute: %w", err)
		}
		if c != nil {
			c.Close()
			c = nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// isEnd reports whether an error means that a connection has ended, or that there is no server.
func isEnd(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return strings.Contains(err.Error(), "got 421 ")
}

func (r *restless) login() (*ftpclient.Client, error) {
	conn, err := ftpclient.DialTCP(r.addr)
	if err != nil {
		return nil, err
	}
	c := ftpclient.New(conn, nil)
	for _, step := range []struct {
		code int
		line string
	}{{331, "USER " + r.user}, {230, "PASS secret"}, {200, "TYPE I"}} {
		if step.code == 331 {
			_, err = c.Expect(220)
		}
		if err == nil {
			_, err = c.Cmd(step.code, step.line)
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// round stores a file and fetches it.
func (r *restless) round(c *ftpclient.Client) error {
	name := fmt.Sprintf("file-%d", r.stored.Load())
	if err := c.Put("STOR "+name, "content of "+name); err != nil {
		return err
	}
	got, err := c.Get("RETR " + name)
	if err != nil {
		return err
	}
	if got != "content of "+name {
		return fmt.Errorf("content of %s: %q", name, got)
	}
	r.stored.Add(1)
	return nil
}

// String tells what is wrong.
func (r *restless) String() string {
	return fmt.Sprintf("%d files are stored; the last error: %v", r.stored.Load(), r.last.Load())
}

// more waits until further files are stored, and returns how many there are.
func (r *restless) more(t *testing.T) int64 {
	t.Helper()
	before := r.stored.Load()
	require.Eventually(t, func() bool {
		if len(r.ended) > 0 {
			require.NoError(t, <-r.ended)
		}
		return r.stored.Load() > before+3
	}, time.Minute, 10*time.Millisecond, "%s", r)
	return r.stored.Load()
}

// vsftpdItself starts Debian's vsftpd on a host with users. stop ends it with all its sessions, as systemd does.
func (h *pamHost) vsftpdItself(t *testing.T, file string) (stop func()) {
	t.Helper()
	cmd := exec.Command(testenv.NeedBinary(t, "vsftpd"), file)
	h.inside(t, cmd)
	said, err := os.OpenFile(filepath.Join(t.TempDir(), "said"), os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer said.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = said, said, said // vsftpd writes what is wrong to standard input
	require.NoError(t, cmd.Start())
	stop = func() { killAll(cmd.Process.Pid) }
	t.Cleanup(func() {
		stop()
		cmd.Wait()
		text, _ := os.ReadFile(said.Name())
		t.Logf("vsftpd: %s", text)
	})
	return stop
}

// killAll kills a process and all that descend from it. A process is stopped first, so that it starts no more.
func killAll(pid int) {
	syscall.Kill(pid, syscall.SIGSTOP)
	children, _ := exec.Command("pgrep", "--parent", fmt.Sprint(pid)).Output()
	for text := range strings.FieldsSeq(string(children)) {
		if child, err := strconv.Atoi(text); err == nil {
			killAll(child)
		}
	}
	syscall.Kill(pid, syscall.SIGKILL)
}

// inUserDB gives the host a service of PAM, userdb, that accepts a name in a database, and the home of the name.
// vsftpd gets stuck on services that run commands (pam_exec), as those of other tests do.
func (h *pamHost) inUserDB(t *testing.T, name string) {
	t.Helper()
	db := h.file("virtual.db")
	out, err := exec.Command(testenv.NeedBinary(t, "perl"), "-MDB_File", "-MFcntl", "-e",
		`tie(my %all, "DB_File", $ARGV[0], O_CREAT | O_RDWR, 0600, $DB_HASH) or die "$!"; $all{$ARGV[1]} = "secret"`, db, name).CombinedOutput()
	require.NoError(t, err, "%s", out)
	module := "pam_userdb.so db=" + strings.TrimSuffix(db, ".db") + "\n"
	h.add(t, "pam.d/userdb", "auth required "+module+"account required "+module)
	home := filepath.Join(h.homes, name)
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, h.uid, h.uid))
}

// Who stops vsftpd and starts sallyport vsftpd by the same file, or serve by the file that --to-toml makes of it, has
// migrated: local, virtual and anonymous users find their files, and a client that works all the time notices nothing
// but the end of a connection.
func TestVsftpdMigration(t *testing.T) {
	for _, kind := range []string{"local", "virtual"} {
		t.Run(kind, func(t *testing.T) {
			h := newPAMHost(t)
			public, empty := filepath.Join(h.homes, "public"), filepath.Join(h.etc, "empty")
			require.NoError(t, os.Mkdir(public, 0o755))
			require.NoError(t, os.Mkdir(empty, 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(public, "hello.txt"), []byte("hello"), 0o644))
			h.user(t, "ftp", "/usr/sbin/nologin", "!:19999:0:99999:7:::")
			port := testenv.FreePortSet(t, 1)
			text := "listen=YES\nlisten_address=127.0.0.1\nlisten_port=" + port + "\nlocal_enable=YES\nanonymous_enable=YES\nwrite_enable=YES\nlocal_umask=027\nanon_root=" + public +
				"\nchroot_local_user=YES\nallow_writeable_chroot=YES\nsecure_chroot_dir=" + empty + "\nnopriv_user=nobody\nmax_per_ip=0\n" + vsftpdPorts(t)
			user := "alice"
			if kind == "local" {
				h.add(t, "pam.d/plain", "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n")
				text += "pam_service_name=plain\n"
			} else {
				user = "nina"
				h.inUserDB(t, user)
				text += "pam_service_name=userdb\nguest_enable=YES\nguest_username=alice\nvirtual_use_local_privs=YES\nuser_sub_token=$USER\nlocal_root=" + h.homes + "/$USER\n"
			}
			h.add(t, "passwd", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n")
			file := vsftpdFile(t, text)
			addr := "127.0.0.1:" + port

			stop := h.vsftpdItself(t, file)
			client := startRestless(t, addr, user)
			byVsftpd := client.more(t)
			stop()
			begin := func(args ...string) *process {
				return startWith(t, func(cmd *exec.Cmd) {
					cmd.Args = append([]string{"sallyport"}, args...)
					cmd.Env = append(cmd.Env, "SALLYPORT_PAM_HELPER="+h.helper, "SALLYPORT_CONTROL=", "SALLYPORT_STATE_DIR=")
					h.inside(t, cmd)
				})
			}
			p := begin("vsftpd", file)
			client.more(t)
			anonymously(t, addr)

			toml := exec.Command(mustBinary(t), "vsftpd", "--to-toml", file)
			h.inside(t, toml)
			converted, err := toml.Output()
			require.NoError(t, err)
			p.terminate(t)
			require.Zero(t, p.end(t))
			begin("serve", "--config", configure(t, string(converted)))
			last := client.more(t)
			anonymously(t, addr)
			close(client.stop)
			require.NoError(t, <-client.ended)
			require.GreaterOrEqual(t, len(client.losses), 2, "vsftpd and sallyport vsftpd were ended")
			t.Log("connections ended with", client.losses)

			for _, n := range []int64{0, byVsftpd - 1, last - 1} {
				info, err := os.Stat(filepath.Join(h.homes, user, fmt.Sprintf("file-%d", n)))
				require.NoError(t, err)
				require.EqualValues(t, h.uid, info.Sys().(*syscall.Stat_t).Uid, "file %d of %d by vsftpd", n, byVsftpd)
				require.Equal(t, "-rw-r-----", info.Mode().String(), "file %d of %d by vsftpd", n, byVsftpd)
			}
		})
	}
}

// anonymously fetches a file as an anonymous user.
func anonymously(t *testing.T, addr string) {
	t.Helper()
	c := clearClient(t, addr)
	_, err := c.Expect(220)
	require.NoError(t, err)
	clearLogin(t, c, "anonymous", "me@example.com")
	got, err := c.Get("RETR hello.txt")
	require.NoError(t, err)
	require.Equal(t, "hello", got)
	_, err = c.Cmd(221, "QUIT")
	require.NoError(t, err)
}
