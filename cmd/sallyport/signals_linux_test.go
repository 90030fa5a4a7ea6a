package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// The parent of the server may pass on a signal that the terminal has sent to both: two signals at once don't cut
// transfers.
func TestTwoSignalsAtOnceAreOne(t *testing.T) {
	p := start(t)
	c, data := p.upload(t)
	require.NoError(t, p.Process.Signal(syscall.SIGINT))
	require.NoError(t, p.Process.Signal(syscall.SIGTERM))
	p.terminate(t)
	_, err := io.WriteString(data, "second half")
	require.NoError(t, err)
	require.NoError(t, data.Close())
	require.NoError(t, c.Done())
	require.Zero(t, p.end(t))
	got, err := os.ReadFile(filepath.Join(p.dir, "upload"))
	require.NoError(t, err)
	require.Equal(t, "first half, second half", string(got))
}

// SIGHUP has many daemons read their settings again: a script that sends it must not end this one.
func TestHangupOfADaemon(t *testing.T) {
	passHangups(t)
	p := start(t)
	require.NoError(t, p.Process.Signal(syscall.SIGHUP))
	p.wantLog(t, "SIGHUP is ignored")
	c := p.login(t, "explicit")
	require.NoError(t, c.Close())
	p.terminate(t)
	require.Zero(t, p.end(t))
}

// passHangups has programs that the test starts receive SIGHUP. They would ignore it if nohup has started the test.
func passHangups(t *testing.T) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(c) })
}

// wantLog waits until the log holds a text.
func (p *process) wantLog(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.log.String(), text) }, 10*time.Second, 10*time.Millisecond, text)
}

// The server ends with the terminal that it was started in, as by Ctrl-C.
func TestHangupOfATerminal(t *testing.T) {
	passHangups(t)
	terminal, tty := openTerminal(t)
	p := startWith(t, func(cmd *exec.Cmd) {
		cmd.Stdin = tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // of stdin
	})
	tty.Close()
	c, data := p.upload(t)
	require.NoError(t, terminal.Close())
	p.wantLog(t, "shutting down")
	_, err := io.WriteString(data, "second half")
	require.NoError(t, err)
	require.NoError(t, data.Close())
	require.NoError(t, c.Done())
	require.Zero(t, p.end(t))
}

// With a configuration file SIGHUP has the file read again, also in a terminal. The end of the terminal still ends the
// server.
func TestHangupOfATerminalWithConfiguration(t *testing.T) {
	terminal, tty := openTerminal(t)
	file := configure(t, alice)
	p := configured{startWith(t, func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--config", file)
		cmd.Stdin = tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // of stdin
	}), file}
	tty.Close()
	p.hangUp(t, reread)
	_, err := p.dial(t, "alice")
	require.NoError(t, err)
	require.NoError(t, terminal.Close())
	p.wantLog(t, "shutting down")
	require.Zero(t, p.end(t))
}

// openTerminal makes a terminal: the end of the terminal program, and the end of programs in it.
func openTerminal(t *testing.T) (terminal, tty *os.File) {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { terminal.Close() })
	conn, err := terminal.SyscallConn()
	require.NoError(t, err)
	var number uint32
	require.NoError(t, conn.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetUint32(int(fd), unix.TIOCGPTN)
		}
	}))
	require.NoError(t, err)
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { tty.Close() })
	return terminal, tty
}

// Row 55 of the security cases: the server goes on although nobody reads the log. Once somebody does, a line tells how
// many lines are missing.
func TestLogReaderStalls(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	p := startWith(t, func(cmd *exec.Cmd) { cmd.Stderr = w }, "--log-level", "debug")
	w.Close()
	c := p.login(t, "explicit")
	for range 600 { // each logs 4 KB: in all more than pipe and queue hold
		_, err := c.Cmd(200, "NOOP "+strings.Repeat("x", 4000))
		require.NoError(t, err)
	}
	log := make(chan string)
	go func() {
		all, _ := io.ReadAll(r)
		log <- string(all)
	}()
	require.NoError(t, c.Close())
	p.terminate(t)
	require.Zero(t, p.end(t))
	require.Contains(t, <-log, "log lines are missing here")
}

// The server goes on when the reader of its log dies.
func TestLogReaderDies(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p := startWith(t, func(cmd *exec.Cmd) { cmd.Stderr = w }, "--log-level", "debug")
	w.Close()
	require.NoError(t, r.Close())
	for range 3 {
		c := p.login(t, "explicit")
		got, err := c.Get("RETR hello.txt")
		require.NoError(t, err)
		require.Equal(t, "hello", got)
		require.NoError(t, c.Close())
	}
	p.terminate(t)
	require.Zero(t, p.end(t))
}

// The server starts although nobody reads the banner: standard output may be full or without a reader.
func TestBannerReaderStallsOrDies(t *testing.T) {
	for _, dies := range []bool{false, true} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer r.Close()
		if dies {
			require.NoError(t, r.Close())
		} else {
			fillPipe(t, w)
		}
		file, err := binary()
		require.NoError(t, err)
		port := testenv.FreePorts(t, 2)
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		cmd := exec.Command(file, "serve", t.TempDir(), "--listen", addr, "--listen-implicit", "127.0.0.1:0", "--passive", fmt.Sprint(port+1))
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		cmd.Stdout, cmd.Stderr = w, t.Output()
		require.NoError(t, cmd.Start())
		w.Close()
		defer cmd.Process.Kill()
		require.Eventually(t, func() bool { return greets(addr) }, 10*time.Second, 10*time.Millisecond)
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, cmd.Wait())
	}
}

// fillPipe writes until the pipe is full. A process that inherits the pipe blocks at its first byte.
func fillPipe(t *testing.T, w *os.File) {
	t.Helper()
	require.NoError(t, w.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := w.Write(make([]byte, 1<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = unix.FcntlInt(w.Fd(), unix.F_SETFL, 0) // blocking, as programs get their pipes
	require.NoError(t, err)
}

// greets reports whether a server at the address answers 220.
func greets(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	line, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.HasPrefix(line, "220")
}

// The throwaway server goes on although nobody reads its log: programs start it with pipes that they may read much
// later.
func TestEndpointLogReaderStalls(t *testing.T) {
	file, err := binary()
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	cmd := exec.Command(file, "test", "--trace", "--log-level", "debug", "--memory")
	cmd.Stderr = w
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	w.Close()
	defer cmd.Process.Kill()
	p := new(tested)
	require.NoError(t, json.NewDecoder(stdout).Decode(&p.facts))
	c := p.login(t)
	for range 30 { // more than the pipe holds
		_, err := c.Cmd(200, "NOOP "+strings.Repeat("x", 4000))
		require.NoError(t, err)
	}
	require.NoError(t, c.Close())
	stdin.Close() // asks the server to end
	require.NoError(t, cmd.Wait())
}
