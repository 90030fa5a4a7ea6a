package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/passive"
)

// init runs this program as a part of the server, which tries what is forbidden.
func init() {
	if len(os.Args) == 3 && os.Args[1] == part.Command {
		if err := runTricks(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(statusFailed)
		}
		os.Exit(0)
	}
}

// targets are what the tricks are tried on.
type targets struct {
	Own, Other, Free string // directories: a hand's own, that of another user, and one that all users may write to
	Folder           string // a directory that all users may write to, and that a hand has as a read-only folder
	TCP, OtherTCP    int    // ports on 127.0.0.1 that somebody listens on; the store of a bucket is at the first
	Unix             string // an abstract socket that somebody listens on
	Part             int    // the PID of another process of the same user
}

// trick is something that an attacker who has taken over a part may try.
type trick struct {
	name string
	try  func(*targets) error
}

func opened(path string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func called(number uintptr, args ...uintptr) error {
	args = append(args, make([]uintptr, 6-len(args))...)
	if _, _, errno := unix.RawSyscall6(number, args[0], args[1], args[2], args[3], args[4], args[5]); errno != 0 {
		return errno
	}
	return nil
}

// onSocket calls do with a new socket.
func onSocket(family int, do func(fd int) error) error {
	kind := unix.SOCK_STREAM
	if family == unix.AF_NETLINK {
		kind = unix.SOCK_RAW
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return do(fd)
}

// keeperSocket is the socket to the keeper in a part that runs tricks.
var keeperSocket *channel.Peer

// tricks are all tricks. Every part tries all of them.
var tricks = []trick{
	{"read /etc/shadow", func(*targets) error { return opened("/etc/shadow", unix.O_RDONLY) }},
	{"read /proc/1/mem", func(*targets) error { return opened("/proc/1/mem", unix.O_RDONLY) }},
	{"read the memory of the keeper", func(*targets) error { return opened(fmt.Sprintf("/proc/%d/mem", os.Getppid()), unix.O_RDONLY) }},
	{"read the memory of a part", func(at *targets) error { return opened(fmt.Sprintf("/proc/%d/mem", at.Part), unix.O_RDONLY) }},
	{"list the files of another user", func(at *targets) error { return opened(at.Other, unix.O_RDONLY|unix.O_DIRECTORY) }},
	{"read a file that all may read", func(at *targets) error { return opened(filepath.Join(at.Free, "open"), unix.O_RDONLY) }},
	{"write where all may write", func(at *targets) error {
		return opened(filepath.Join(at.Free, "new"), unix.O_WRONLY|unix.O_CREAT)
	}},
	{"read /etc/hostname", func(*targets) error { return opened("/etc/hostname", unix.O_RDONLY) }},
	{"write into its own tree", func(at *targets) error { return opened(filepath.Join(at.Own, "new"), unix.O_WRONLY|unix.O_CREAT) }},
	{"list a read-only folder", func(at *targets) error { return opened(at.Folder, unix.O_RDONLY|unix.O_DIRECTORY) }},
	{"write into a read-only folder", func(at *targets) error { return opened(filepath.Join(at.Folder, "new"), unix.O_WRONLY|unix.O_CREAT) }},
	{"make a FIFO in its own tree", func(at *targets) error {
		return unix.Mkfifo(filepath.Join(at.Own, "fifo"), 0o600)
	}},
	{"connect to 127.0.0.1", func(at *targets) error {
		return onSocket(unix.AF_INET, func(fd int) error {
			return unix.Connect(fd, &unix.SockaddrInet4{Port: at.TCP, Addr: [4]byte{127, 0, 0, 1}})
		})
	}},
	{"connect to another port there", func(at *targets) error {
		other := &unix.SockaddrInet4{Port: at.OtherTCP, Addr: [4]byte{127, 0, 0, 1}}
		err := onSocket(unix.AF_INET, func(fd int) error { return unix.Connect(fd, other) })
		if err != nil {
			err = onSocket(unix.AF_INET, func(fd int) error { return unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, other) })
		}
		return err
	}},
	{"make a socket of UDP or MPTCP", func(*targets) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		}
		if err == nil {
			unix.Close(fd)
		}
		return err
	}},
	{"listen on a port", func(*targets) error {
		return onSocket(unix.AF_INET, func(fd int) error {
			return errors.Join(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), unix.Listen(fd, 1))
		})
	}},
	{"connect to an abstract Unix socket", func(at *targets) error {
		return onSocket(unix.AF_UNIX, func(fd int) error { return unix.Connect(fd, &unix.SockaddrUnix{Name: at.Unix}) })
	}},
	{"speak to the kernel by netlink", func(*targets) error {
		return onSocket(unix.AF_NETLINK, func(int) error { return nil })
	}},
	{"execute a program", func(*targets) error { return unix.Exec("/no/such/program", nil, nil) }},
	{"fork", func(*targets) error {
		pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			return errno
		}
		if pid == 0 {
			for {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		return nil
	}},
	{"trace the keeper", func(*targets) error { return unix.PtraceSeize(os.Getppid()) }},
	{"trace a part", func(at *targets) error { return unix.PtraceSeize(at.Part) }},
	{"kill the keeper", func(*targets) error { return unix.Kill(os.Getppid(), 0) }},
	{"kill a part", func(at *targets) error { return unix.Kill(at.Part, 0) }},
	{"limit a part", func(at *targets) error {
		return unix.Prlimit(at.Part, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	}},
	{"become another user", func(*targets) error { return called(unix.SYS_SETUID, 0) }},
	{"touch files as another user", func(*targets) error { return called(unix.SYS_SETFSUID, 0) }},
	{"make a namespace", func(*targets) error { return called(unix.SYS_UNSHARE, unix.CLONE_NEWUSER) }},
	{"use io_uring", func(*targets) error {
		var params [120]byte
		return called(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)))
	}},
	{"load a BPF program", func(*targets) error { return called(unix.SYS_BPF, 0, 0, 0) }},
	{"use keys of the kernel", func(*targets) error { return called(unix.SYS_KEYCTL, 0, ^uintptr(2), 0) }},
	{"send the keeper a login of another account", func(*targets) error {
		q := asked(&driver.Login{User: "alice", Password: "wrong", Secure: true})
		return keeperSocket.Ask(context.Background(), time.Minute, askLogin, q.write, nil, nil)
	}},
	{"ask the keeper for port 22", func(*targets) error {
		return keeperSocket.Ask(context.Background(), time.Minute, askPort, func(w *channel.Writer) { w.String("tcp"); w.String("127.0.0.1:22"); w.Bool(true) }, nil, nil)
	}},
}

// runTricks runs as a part: it tries all tricks instead of the part's work, and answers with the
// results.
func runTricks(string) error {
	if _, err := part.Begin(func() {}); err != nil {
		return err
	}
	told := make(chan targets, 1)
	keeper, err := part.Keeper(func(c *channel.Call, _ *channel.Writer) (*os.File, error) {
		var at targets
		err := json.Unmarshal([]byte(c.String()), &at)
		told <- at
		return nil, err
	})
	if err != nil {
		return err
	}
	keeperSocket = keeper
	at := <-told
	results := map[string]string{}
	for _, t := range tricks {
		err := t.try(&at)
		switch {
		case errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, driver.ErrLogin):
			results[t.name] = "refused"
		case err == nil:
			results[t.name] = "done"
		default:
			results[t.name] = err.Error()
		}
	}
	text, err := json.Marshal(results)
	if err != nil {
		return err
	}
	return keeper.Ask(context.Background(), time.Minute, askAudit, func(w *channel.Writer) { w.String(string(text)) }, nil, nil)
}

// playground holds the processes and files that tricks are tried on.
type playground struct {
	targets
	k       *keeper
	starter *part.Starter
}

// newPlayground makes the processes and files that tricks are tried on.
func newPlayground(t *testing.T) *playground {
	t.Helper()
	testenv.NeedRoot(t)
	dir, err := os.MkdirTemp("", "sallyport-sandbox-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	p := &playground{}
	p.Other, p.Free = filepath.Join(dir, "bob"), filepath.Join(dir, "free")
	for name, uid := range map[string]int{"engine": engineUID, "alice": aliceUID, "bob": bobUID, "free": 0, "folder": 0} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		require.NoError(t, os.Chown(filepath.Join(dir, name), uid, uid))
	}
	require.NoError(t, os.WriteFile(filepath.Join(p.Free, "open"), []byte("x"), 0o644))
	p.Folder = filepath.Join(dir, "folder")
	for _, dir := range []string{p.Free, p.Folder} {
		require.NoError(t, os.Chmod(dir, 0o777))
	}
	p.Own = dir
	for _, port := range []*int{&p.TCP, &p.OtherTCP} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { ln.Close() })
		*port = ln.Addr().(*net.TCPAddr).Port
	}
	p.Unix = fmt.Sprint("@sallyport-sandbox-", os.Getpid())
	abstract, err := net.Listen("unix", p.Unix)
	require.NoError(t, err)
	t.Cleanup(func() { abstract.Close() })

	file := configure(t, fmt.Sprintf("run-as = \"20000:20000\"\nsystem-user = \"20001:20001\"\n[user.alice]\npassword = %q\nhome = %q\n", hash, dir))
	s, err := load("serve", []string{dir, "--config", file}, nil)
	require.NoError(t, err)
	p.k = &keeper{daemon: &daemon{settings: s, started: s, log: slog.New(slog.DiscardHandler)}}
	p.k.engines = append(p.k.engines, p.k.newEngine())
	p.k.ports, err = passive.Range("21000-21010")
	require.NoError(t, err)
	users, err := s.chain(labour{compare: passhash.NewChecker().Check}, "", p.k.log)
	require.NoError(t, err)
	p.k.users.now.Store(users)
	p.starter = part.NewStarter()
	return p
}

// try has a part try all tricks, and returns the results.
func (p *playground) try(t *testing.T, name string, how string) (results map[string]string) {
	t.Helper()
	s := *p.k.settings
	s.sandbox, s.active = how, strings.HasSuffix(name, "active")
	name = strings.Fields(name)[0]
	at, uid := p.targets, engineUID
	at.Own = filepath.Join(p.Own, "engine")
	if name == partHand {
		at.Own, uid = filepath.Join(p.Own, "alice"), aliceUID
	}
	other := exec.Command("sleep", "600")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, other.Start())
	defer func() {
		other.Process.Kill()
		other.Wait()
	}()
	at.Part = other.Process.Pid
	told := make(chan string, 1)
	answer := func(c *channel.Call, w *channel.Writer) (*os.File, error) {
		switch {
		case c.Op == askAudit:
			told <- c.String()
			return nil, nil
		case name == partEngine:
			return p.k.answer(p.k.engines[0], c, w)
		}
		return nil, errors.ErrUnsupported // like a Peer without an Answer
	}
	rules := s.sandboxOf(name, root{Name: ".", Dir: at.Own}, root{Name: "folder", Dir: at.Folder, ReadOnly: true})
	if name == partBucket {
		rules.NarrowTo(uint16(at.TCP))
	}
	started, err := p.starter.Start(name, part.Rights{UID: uid, GID: uid, Sandbox: rules}, answer)
	require.NoError(t, err)
	defer started.Kill()
	text, err := json.Marshal(at)
	require.NoError(t, err)
	require.NoError(t, started.Ask(t.Context(), time.Minute, tellOpen, func(w *channel.Writer) { w.String(string(text)) }, nil, nil))
	select {
	case said := <-told:
		require.NoError(t, json.Unmarshal([]byte(said), &results))
	case <-started.Ended():
		t.Fatalf("the %s has ended, with status %d", name, started.Status())
	case <-time.After(time.Minute):
		t.Fatalf("the %s says nothing", name)
	}
	require.Len(t, results, len(tricks))
	return results
}

// A part that is taken over gets nothing beyond its own. The expected results are the table in
// docs/operating.md.
func TestSandboxTricks(t *testing.T) {
	if lacks := sandbox.Look().Lacks(); len(lacks) > 0 {
		testenv.Missing(t, "this kernel lacks %s", strings.Join(lacks, " and "))
	}
	p := newPlayground(t)
	may := map[string][]string{
		partSigner:              nil,
		partJudge:               nil,
		partEngine:              nil,
		partEngine + ", active": {"connect to 127.0.0.1", "connect to another port there", "make a socket of UDP or MPTCP"},
		partBucket:              {"connect to 127.0.0.1"},
		partClerk:               {"connect to 127.0.0.1", "connect to another port there", "make a socket of UDP or MPTCP", "read /etc/hostname"},
		partHand:                {"write into its own tree", "list a read-only folder"},
	}
	if sandbox.Look().Landlock < 4 { // doesn't know ports
		may[partBucket] = append(may[partBucket], "connect to another port there")
	}
	parts := []string{partSigner, partJudge, partClerk, partEngine, partEngine + ", active", partHand, partBucket}
	results := map[string]map[string]string{}
	for _, name := range parts {
		results[name] = p.try(t, strings.ReplaceAll(name, ",", ""), sandboxRequired)
		for _, trick := range tricks {
			want := "refused"
			for _, allowed := range may[name] {
				if allowed == trick.name {
					want = "done"
				}
			}
			require.Equal(t, want, results[name][trick.name], "%s: %s", name, trick.name)
		}
	}
	free := p.try(t, partEngine, sandboxOff)
	for _, name := range []string{
		"read a file that all may read", "write where all may write", "read /etc/hostname", "write into its own tree", "list a read-only folder", "write into a read-only folder", "make a FIFO in its own tree",
		"connect to 127.0.0.1", "connect to another port there", "make a socket of UDP or MPTCP", "listen on a port", "connect to an abstract Unix socket", "speak to the kernel by netlink", "execute a program", "fork",
		"kill a part", "limit a part",
	} {
		require.NotEqual(t, "refused", free[name], "%s: nothing but the sandbox refuses that", name)
	}
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 1, ' ', 0)
	fmt.Fprintf(table, "\t%s\twithout\n", strings.Join(parts, "\t"))
	for _, trick := range tricks {
		fmt.Fprint(table, trick.name)
		for _, name := range parts {
			fmt.Fprint(table, "\t", results[name][trick.name])
		}
		fmt.Fprint(table, "\t", free[trick.name], "\n")
	}
	table.Flush()
	t.Log("\n" + out.String())
}
