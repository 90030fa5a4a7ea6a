package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// contenders returns the servers that are measured. All of them have alike:
//
//   - two users, whose sessions act as the system's nobody, see setup.root as "/",
//     and may read, write and delete there; and a hundred users who only list it,
//     each with a UID of its own if the server supports that
//   - one certificate; TLS 1.2 and 1.3; TLS is offered on control and data
//     connections but not required, nor is resumption by data connections
//   - room for 1,200 sessions and more, without throttles; but Sallyport's command
//     allows 500 for one address, and Pure-FTPd half as many as it has data ports
//   - cheap hashes of passwords, the same for all
//   - no log of transfers, no look-up of clients' names
//   - sendfile if the server supports it; everything else as it is by default
func contenders() []contender {
	return []contender{
		{ours, startSallyport},
		{split, startSplit},
		{"vsftpd", startVsftpd},
		{"ProFTPD", startProFTPD},
		{"Pure-FTPd", startPureFTPd},
		{"pyftpdlib", startPyftpdlib},
	}
}

// nobody and nogroup are the numbers of the user and group in Debian that sessions act as.
const nobody, nogroup = 65534, 65534

// maxSessions is the limit for servers that must have one.
const maxSessions = 2000

// output is the name of the file in scratch that has what the server prints.
const output = "output"

// startTimeout bounds how long a server may take to send its greeting.
const startTimeout = 30 * time.Second

// launch runs a server that listens at addr, confined, and waits for its greeting. cmd has to be made
// with ctx.
func launch(ctx context.Context, name, addr string, s *setup, cmd *exec.Cmd) (*instance, error) {
	log, err := os.Create(filepath.Join(s.scratch, output))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = log, log, log // vsftpd writes errors to standard input
	cmd.Dir = s.scratch
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // ignores the error: stop kills the process
	}()
	// Kills the first process of the PID namespace; Wait returns once all others of it are gone.
	stop := func() error {
		_ = cmd.Process.Kill()
		<-ended
		return nil
	}
	if err := greeted(ctx, addr, ended); err != nil {
		_ = stop()
		return nil, fmt.Errorf("%s: %w%s", name, err, lastLines(s.scratch))
	}
	return &instance{contender: name, addr: addr, pid: cmd.Process.Pid, stop: stop}, nil
}

// greeted waits until a server answers 220, and fails if the server ends before.
func greeted(ctx context.Context, addr string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errors.New("it does not answer"))
	defer cancel()
	for {
		line, err := greeting(ctx, addr)
		if err == nil {
			if !strings.HasPrefix(line, "220") {
				return fmt.Errorf("it greets with %q", strings.TrimSpace(line))
			}
			return nil
		}
		select {
		case <-ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// greeting returns the first line of a server's greeting.
func greeting(ctx context.Context, addr string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(startTimeout))
	return bufio.NewReader(conn).ReadString('\n')
}

// lastLines returns the last lines that the server has printed and logged, to be shown with an error.
func lastLines(scratch string) string {
	const most = 20
	var said strings.Builder
	for _, name := range []string{output, systemLog} {
		content, err := os.ReadFile(filepath.Join(scratch, name))
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(content)), "\n")
		for _, line := range lines[max(0, len(lines)-most):] {
			if line != "" {
				said.WriteString("\n\t" + line)
			}
		}
	}
	return said.String()
}

// unpacked returns a command that runs a program of the unpacked packages with the libraries there.
func (s *setup) unpacked(ctx context.Context, name string, args ...string) *exec.Cmd {
	var libs []string
	for _, pattern := range []string{"usr/lib/*-linux-*", "lib/*-linux-*"} {
		found, _ := filepath.Glob(filepath.Join(s.daemons, pattern)) // errors only if the pattern is wrong
		libs = append(libs, found...)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.daemons, "usr", name), args...)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libs, ":"))
	return cmd
}

// hand gives the served directory and what is directly in it to the user that sessions act as, and
// lets that user reach it. It leaves files further below, which everybody may read: there are too
// many to change at every start.
func (s *setup) hand() error {
	for _, dir := range []string{s.scratch, s.root} {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
		for dir = filepath.Dir(dir); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			if err != nil {
				return err
			}
			if info.Mode()&0o001 == 0 {
				return fmt.Errorf("%s must be open to all users (chmod 755)", dir)
			}
		}
	}
	top, err := os.ReadDir(s.root)
	if err != nil {
		return err
	}
	for _, entry := range top {
		if err := os.Lchown(filepath.Join(s.root, entry.Name()), nobody, nogroup); err != nil {
			return err
		}
	}
	return os.Lchown(s.root, nobody, nogroup)
}

// write writes a file in scratch.
func (s *setup) write(name, format string, args ...any) (path string, err error) {
	path = filepath.Join(s.scratch, name)
	return path, os.WriteFile(path, fmt.Appendf(nil, format, args...), 0o644)
}

// between returns the first and the last data port, which is how the other servers are told.
func (s *setup) between() (low, high int, err error) {
	first, last, ok := strings.Cut(s.ports, "-")
	if !ok {
		last = first
	}
	low, err = strconv.Atoi(first)
	if err == nil {
		high, err = strconv.Atoi(last)
	}
	if err != nil || low > high {
		return 0, 0, fmt.Errorf("the data ports %q are no range", s.ports)
	}
	return low, high, nil
}

// site is the control port and the data ports of a server.
type site struct {
	addr      string // host:port of the control connection
	port      int
	low, high int // data ports
}

// site chooses a control port for a server, and gives the files to the user that sessions act as.
func (s *setup) site() (at site, err error) {
	if at.low, at.high, err = s.between(); err != nil {
		return at, err
	}
	if at.addr, at.port, err = freePort(); err != nil {
		return at, err
	}
	return at, s.hand()
}

// freePort returns a port that nobody listens on, and the address with it.
func freePort() (addr string, port int, err error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", 0, err
	}
	defer ln.Close()
	return ln.Addr().String(), ln.Addr().(*net.TCPAddr).Port, nil
}

// account is a user as servers are told of it.
type account struct {
	name, password, hash string
	uid                  int
}

// accounts returns the accounts of both users and of the crowd. A server that needs passwords in
// clear uses password. The others use hash, the cheapest kind that all of them know: servers are
// compared, not hashes.
func (s *setup) accounts() ([]account, error) {
	var all []account
	for _, u := range [][2]string{{s.user, s.password}, {s.thief, s.thiefPassword}} {
		hash, err := bcrypt.GenerateFromPassword([]byte(u[1]), bcrypt.MinCost)
		if err != nil {
			return nil, err
		}
		all = append(all, account{u[0], u[1], string(hash), nobody})
	}
	for i := range crowdUsers {
		all = append(all, account{crowdUser(i), s.password, all[0].hash, crowdUID + i})
	}
	return all, nil
}

// The crowd: users with the password of setup.user, whose UIDs on this host count from crowdUID.
const crowdUsers, crowdUID = 100, 40_000

// crowdUser returns the name of user i of the crowd.
func crowdUser(i int) string { return fmt.Sprintf("crowd%02d", i) }

// passwd returns the accounts as lines of passwd(5), with rest behind the home directory.
func (s *setup) passwd(rest string) (string, error) {
	accounts, err := s.accounts()
	var lines strings.Builder
	for _, a := range accounts {
		fmt.Fprintf(&lines, "%s:%s:%d:%d::%s%s\n", a.name, a.hash, a.uid, nogroup, s.root, rest)
	}
	return lines.String(), err
}
