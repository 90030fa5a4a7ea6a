package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// systemd plays the supervisor: it receives notifications, and keeps the listeners that it is told to keep.
type systemd struct {
	path string

	mu    sync.Mutex
	heard []string
	store []stored
}

// stored is a descriptor that the supervisor keeps.
type stored struct {
	name string
	file *os.File
}

func startSystemd(t *testing.T) *systemd {
	t.Helper()
	dir, err := os.MkdirTemp("", "sallyport-notify-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &systemd{path: filepath.Join(dir, "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: d.path, Net: "unixgram"})
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.listen(conn)
	}()
	t.Cleanup(func() {
		conn.Close()
		<-ended
		for _, s := range d.store {
			s.file.Close()
		}
	})
	return d
}

// listen receives notifications until the socket is closed.
func (d *systemd) listen(conn *net.UnixConn) {
	buf, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*16))
	for {
		n, oobn, _, _, err := conn.ReadMsgUnix(buf, oob)
		if err != nil {
			return
		}
		text := string(buf[:n])
		var name string
		for line := range strings.Lines(text) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "FDNAME="); ok {
				name = value
			}
		}
		d.mu.Lock()
		d.heard = append(d.heard, text)
		messages, _ := unix.ParseSocketControlMessage(oob[:oobn])
		for _, m := range messages {
			fds, _ := unix.ParseUnixRights(&m)
			for _, fd := range fds {
				unix.CloseOnExec(fd)
				d.store = append(d.store, stored{name, os.NewFile(uintptr(fd), name)})
			}
		}
		d.mu.Unlock()
	}
}

// waitFor waits for a message with a text, after the first n messages.
func (d *systemd) waitFor(t *testing.T, n int, text string) (message string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, m := range d.heard[min(n, len(d.heard)):] {
			if strings.Contains(m, text) {
				message = m
				return true
			}
		}
		return false
	}, time.Minute, 10*time.Millisecond, text)
	return message
}

// count returns how many messages with a text have come, and how many in all.
func (d *systemd) count(text string) (n, all int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.heard {
		if strings.Contains(m, text) {
			n++
		}
	}
	return n, len(d.heard)
}

// starts prepares a command to be started as systemd would, with listeners.
func (d *systemd) starts(cmd *exec.Cmd, handed []stored, env ...string) {
	cmd.Args = append([]string{"sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`}, append([]string{cmd.Path}, cmd.Args[1:]...)...)
	cmd.Path = "/bin/sh"
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+d.path)
	cmd.Env = append(cmd.Env, env...)
	var names []string
	for _, h := range handed {
		cmd.ExtraFiles = append(cmd.ExtraFiles, h.file)
		names = append(names, h.name)
	}
	if len(handed) > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(handed)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
}

// unitSocket opens a listener as a .socket unit does.
func unitSocket(t *testing.T, name, addr string) stored {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return stored{name, f}
}

// under runs a test for a server of one process and, if root runs this, for a split one. more is added to the
// configuration of both.
func under(t *testing.T, do func(t *testing.T, start func(t *testing.T, configure func(*exec.Cmd), more ...string) controlled)) {
	t.Run("one process", func(t *testing.T) {
		do(t, func(t *testing.T, change func(*exec.Cmd), more ...string) controlled {
			file, socket := configure(t, alice), filepath.Join(t.TempDir(), "control.sock")
			p := startWith(t, func(cmd *exec.Cmd) {
				cmd.Args = append(append(cmd.Args, "--config", file, "--control", socket), more...)
				change(cmd)
			})
			return controlled{configured{p, file}, socket}
		})
	})
	t.Run("split", func(t *testing.T) {
		do(t, func(t *testing.T, change func(*exec.Cmd), more ...string) controlled {
			return startSplitWith(t, "", 3, func(cmd *exec.Cmd) {
				cmd.Args = append(cmd.Args, more...)
				change(cmd)
			}).controlled
		})
	})
}

// The supervisor is told when the server serves, reloads, is well, and ends.
func TestNotify(t *testing.T) {
	under(t, func(t *testing.T, start func(*testing.T, func(*exec.Cmd), ...string) controlled) {
		d := startSystemd(t)
		p := start(t, func(cmd *exec.Cmd) { d.starts(cmd, nil, "WATCHDOG_USEC=300000") })
		require.Contains(t, d.waitFor(t, 0, "READY=1\n"), fmt.Sprintf("MAINPID=%d\nSTATUS=Serving", p.Process.Pid))
		_, before := d.count("")
		p.hangUp(t, reread)
		reloading := d.waitFor(t, before, "RELOADING=1\n")
		var usec int64
		_, err := fmt.Sscanf(reloading, "RELOADING=1\nMONOTONIC_USEC=%d\n", &usec)
		require.NoError(t, err)
		require.Positive(t, usec)
		d.waitFor(t, before, "READY=1\n")
		_, before = d.count("")
		d.waitFor(t, before, "WATCHDOG=1")
		old, err := os.ReadFile(p.file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(p.file, []byte("nonsense = 1\n"), 0o600))
		p.hangUp(t, "the old one stays")
		require.Contains(t, d.waitFor(t, before, "READY=1\n"), "The configuration is wrong, and the old one stays: "+p.file+":1:1: nonsense")
		require.NoError(t, os.WriteFile(p.file, old, 0o600))
		client, err := p.dial(t, "alice")
		require.NoError(t, err)
		data, err := client.Open("STOR upload")
		require.NoError(t, err)
		require.NoError(t, p.Process.Signal(syscall.SIGTERM))
		d.waitFor(t, before, "STOPPING=1\n")
		_, before = d.count("")
		d.waitFor(t, before, "WATCHDOG=1") // while the transfer finishes
		require.NoError(t, data.Close())
		require.NoError(t, client.Done())
		require.Zero(t, p.end(t))
	})
}

// An engine that hangs is killed, and another one serves. The supervisor, which would kill the keeper as well, hears
// all the time that the server is well.
func TestEngineHangs(t *testing.T) {
	d := startSystemd(t)
	s := startSplitWith(t, "", 3, func(cmd *exec.Cmd) { d.starts(cmd, nil, "WATCHDOG_USEC=300000") })
	engine := s.processes(t)["engine"].PID
	d.waitFor(t, 0, "WATCHDOG=1")
	killed := func() bool { return strings.Contains(s.log.String(), "the engine hangs and is killed") }
	testenv.Stop(t, engine)
	before, _ := d.count("WATCHDOG=1")
	require.Eventually(t, func() bool { n, _ := d.count("WATCHDOG=1"); return n >= before+20 }, time.Minute, 10*time.Millisecond)
	require.False(t, killed(), "the engine hung all that time")
	require.Eventually(t, killed, 3*aliveWithin, 100*time.Millisecond)
	c := s.dialAgain(t, "alice")
	require.NoError(t, c.Put("STOR file", "x"))
	_, all := d.count("")
	d.waitFor(t, all, "WATCHDOG=1")
	require.NotEqual(t, engine, s.processes(t)["engine"].PID)
}

// The supervisor hears that the server is well three times in its time, and nothing more once the server isn't.
func TestWatchdog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	ln, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	require.NoError(t, err)
	defer ln.Close()
	synctest.Test(t, func(t *testing.T) {
		s := &supervisor{socket: path, watchdog: 30 * time.Second, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		p := new(pulse)
		require.False(t, p.within(time.Hour))
		p.beat()
		s.watch(ctx, func() bool { return p.within(45 * time.Second) }) // says so after 0, 10, 20, 30 and 40 seconds
	})
	for range 5 {
		b := make([]byte, 100)
		require.NoError(t, ln.SetReadDeadline(time.Now().Add(time.Minute)))
		n, err := ln.Read(b)
		require.NoError(t, err)
		require.Equal(t, "WATCHDOG=1", string(b[:n]))
	}
	require.NoError(t, ln.SetReadDeadline(time.Now()))
	_, err = ln.Read(make([]byte, 100))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// A supervisor may open all ports: control ports and, on one address or on all, all data ports.
func TestSocketActivation(t *testing.T) {
	for _, host := range []string{"127.0.0.1", ""} {
		under(t, func(t *testing.T, start func(*testing.T, func(*exec.Cmd), ...string) controlled) {
			d := startSystemd(t)
			explicit, implicit, first := testenv.FreePorts(t, 1), testenv.FreePorts(t, 1), testenv.FreePorts(t, 2)
			at := func(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
			handed := []stored{unitSocket(t, "ftp.socket", at(explicit)), unitSocket(t, "data.socket", at(first+1)),
				unitSocket(t, "ftps.socket", at(implicit)), unitSocket(t, "data.socket", at(first))}
			stale, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first)))
			require.NoError(t, err)
			defer stale.Close()
			p := start(t, func(cmd *exec.Cmd) { d.starts(cmd, handed) },
				"--listen", at(explicit), "--listen-implicit", at(implicit), "--passive", fmt.Sprintf("%d-%d", first, first+1))
			for i, kind := range []int{explicit, implicit} {
				addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(kind))
				for range 4 { // uses each data port once
					c, err := ftpclient.Dial(addr, i == 1, p.clientTLS(t), "alice", "secret")
					require.NoError(t, err)
					require.NoError(t, c.Put("STOR file", "all of it"))
					got, err := c.Get("RETR file")
					require.NoError(t, err)
					require.Equal(t, "all of it", got)
					require.NoError(t, c.Close())
				}
			}
			kept, _ := d.count("FDSTORE=1")
			require.Zero(t, kept, "the units keep them")
		})
	}
}

// If the supervisor's listeners and the configuration differ, the error names what differs.
func TestSocketActivationMismatch(t *testing.T) {
	file, err := binary()
	require.NoError(t, err)
	d := startSystemd(t)
	first := testenv.FreePorts(t, 5)
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", first+i) }
	connected, err := net.Dial("unixgram", d.path)
	require.NoError(t, err)
	defer connected.Close()
	datagram, err := connected.(*net.UnixConn).File()
	require.NoError(t, err)
	defer datagram.Close()
	listen, data, other := unitSocket(t, "ftp", at(0)), unitSocket(t, "data", at(1)), unitSocket(t, "strange", at(4))
	for want, handed := range map[string][]stored{
		at(4) + ` (descriptor 4, "strange"), which is neither listen (` + at(0) + `) nor listen-implicit (none) nor one of passive (`: {listen, other},
		fmt.Sprintf(`the supervisor does not hand over %d; hand over all data ports or none`, first+2):                                {listen, data},
		`--listen (` + at(0) + `) is not among the sockets that the supervisor hands over`:                                            {data, unitSocket(t, "data", at(2))},
		`descriptor 3 ("socket") is no TCP socket that listens`:                                                                       {{"socket", datagram}},
	} {
		cmd := exec.Command(file, "serve", t.TempDir(), "--listen", at(0), "--listen-implicit=", "--passive", fmt.Sprintf("%d-%d", first+1, first+2))
		if handed[0] != listen { // frees the port for the server
			cmd.Args[4] = "127.0.0.1:0"
			want = strings.ReplaceAll(want, "--listen ("+at(0), "--listen (127.0.0.1:0")
		}
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		d.starts(cmd, handed)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), want)
	}
}

// A supervisor keeps the ports while the server is killed and started again: the next server serves those who have
// connected meanwhile. A port that is no longer configured is given up.
func TestPortsAreKept(t *testing.T) {
	under(t, func(t *testing.T, start func(*testing.T, func(*exec.Cmd), ...string) controlled) {
		d := startSystemd(t)
		data := testenv.FreePortSet(t, 3)
		p := start(t, func(cmd *exec.Cmd) { d.starts(cmd, nil, "FDSTORE=5") }, "--passive", data)
		d.waitFor(t, 0, "READY=1\n")
		addr, implicit := p.fact(t, "explicit FTPS"), p.fact(t, "implicit FTPS")
		store := d.taken()
		require.Len(t, store, 5)
		require.NoError(t, p.Process.Kill())
		var wg sync.WaitGroup
		greeted := make(chan bool, 1)
		wg.Go(func() { greeted <- greetsLate(addr) })
		next := start(t, func(cmd *exec.Cmd) { d.starts(cmd, store, "FDSTORE=5") }, "--passive", data)
		require.Equal(t, addr, next.fact(t, "explicit FTPS"))
		require.Equal(t, implicit, next.fact(t, "implicit FTPS"))
		wg.Wait()
		require.True(t, <-greeted)
		c, err := next.dial(t, "alice")
		require.NoError(t, err)
		require.NoError(t, c.Put("STOR file", "x"))
		require.Len(t, d.taken(), 5, "they are kept again, which systemd notices")

		require.NoError(t, next.Process.Signal(syscall.SIGTERM))
		require.Zero(t, next.end(t))
		_, before := d.count("")
		last := start(t, func(cmd *exec.Cmd) { d.starts(cmd, store, "FDSTORE=5") }, "--passive", testenv.FreePortSet(t, 1))
		d.waitFor(t, before, "FDSTOREREMOVE=1\nFDNAME=sallyport-data")
		c, err = last.dial(t, "alice")
		require.NoError(t, err)
		require.NoError(t, c.Put("STOR file", "x"))
	})
}

// taken returns the listeners that are kept, and keeps them no longer.
func (d *systemd) taken() []stored {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.store
	d.store = nil
	return all
}

// greetsLate reports whether a server at the address finally answers 220.
func greetsLate(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	line := make([]byte, 3)
	_, err = conn.Read(line)
	return err == nil && string(line) == "220"
}
