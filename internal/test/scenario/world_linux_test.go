package scenario

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// The hosts of a world, and how they are connected:
//
//	alice ─┐                                                     ┌─ server
//	       ├─ office ────────── internet ────────── vendor ──────┤
//	bob ───┘                                                     └─ desk
//	10.1.0.0/24     198.51.100.0/24      192.0.2.0/24     10.2.0.0/24
//	2001:db8:1::/64 2001:db8:a::/64   2001:db8:b::/64 2001:db8:2::/64
//
// alice and bob are the clients. office is the clients' firewall and hides
// their IPv4 addresses behind 198.51.100.2. vendor is the firewall in front of
// the server and translates 203.0.113.7 to the server's 10.2.0.5. desk is a
// client on the server's side. The internet knows no private addresses.
const (
	officeV4 = "198.51.100.2"
	publicV4 = "203.0.113.7"
	serverV4 = "10.2.0.5"
	serverV6 = "2001:db8:2::5"
	vendorV6 = "2001:db8:2::1"
)

var hosts = []string{"alice", "bob", "office", "internet", "vendor", "server", "desk"}

// cables lists the cables: at each end a host and its interface.
var cables = [][4]string{
	{"alice", "eth0", "office", "port1"},
	{"bob", "eth0", "office", "port2"},
	{"office", "wan", "internet", "west"},
	{"internet", "east", "vendor", "wan"},
	{"vendor", "port1", "server", "eth0"},
	{"vendor", "port2", "desk", "eth0"},
}

// settings holds commands of ip for each host.
var settings = map[string]string{
	"alice": host("10.1.0.11/24", "10.1.0.1", "2001:db8:1::11/64", "2001:db8:1::1"),
	"bob":   host("10.1.0.12/24", "10.1.0.1", "2001:db8:1::12/64", "2001:db8:1::1"),
	"office": lan("10.1.0.1/24", "2001:db8:1::1/64") + `
		addr add 198.51.100.2/24 dev wan
		addr add 2001:db8:a::2/64 dev wan nodad
		link set wan up
		route add default via 198.51.100.1
		route add default via 2001:db8:a::1`,
	"internet": `
		addr add 198.51.100.1/24 dev west
		addr add 2001:db8:a::1/64 dev west nodad
		addr add 192.0.2.1/24 dev east
		addr add 2001:db8:b::1/64 dev east nodad
		link set west up
		link set east up
		route add 203.0.113.7 via 192.0.2.2
		route add blackhole 10.0.0.0/8
		route add 2001:db8:1::/64 via 2001:db8:a::2
		route add 2001:db8:2::/64 via 2001:db8:b::2`,
	"vendor": lan("10.2.0.1/24", "2001:db8:2::1/64") + `
		addr add 192.0.2.2/24 dev wan
		addr add 203.0.113.7/32 dev wan
		addr add 2001:db8:b::2/64 dev wan nodad
		link set wan up
		route add default via 192.0.2.1
		route add default via 2001:db8:b::1`,
	"server": host(serverV4+"/24", "10.2.0.1", serverV6+"/64", vendorV6),
	"desk":   host("10.2.0.20/24", "10.2.0.1", "2001:db8:2::20/64", vendorV6),
}

func host(v4, gateway4, v6, gateway6 string) string {
	return fmt.Sprintf(`
		addr add %s dev eth0
		addr add %s dev eth0 nodad
		link set eth0 up
		route add default via %s
		route add default via %s`, v4, v6, gateway4, gateway6)
}

func lan(v4, v6 string) string {
	return fmt.Sprintf(`
		link add lan type bridge mcast_snooping 0
		link set port1 master lan
		link set port2 master lan
		link set port1 up
		link set port2 up
		addr add %s dev lan
		addr add %s dev lan nodad
		link set lan up`, v4, v6)
}

// kernel holds what each host's kernel is told before it has interfaces: that
// addresses may be used at once, and that a bridge is a bridge and no firewall.
var kernel = map[string]string{
	"net/ipv6/conf/all/accept_dad":       "0",
	"net/ipv6/conf/default/accept_dad":   "0",
	"net/ipv6/conf/default/accept_ra":    "0",
	"net/bridge/bridge-nf-call-iptables": "0", "net/bridge/bridge-nf-call-ip6tables": "0",
}

// forwarding holds the kernel parameters that make a host a router.
var forwarding = map[string]string{"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1"}

// world is a set of network namespaces that end with the test.
type world struct {
	t     testing.TB
	hosts []string
	id    string // what the names of its namespaces begin with
	ctx   context.Context
	srv   *vendorServer

	mu  sync.Mutex
	log bytes.Buffer
}

var worlds atomic.Int64

const prefix = "sallyport-"

// newWorld makes the world that is drawn above.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := emptyWorld(t, hosts, kernel)
	for _, h := range []string{"office", "internet", "vendor"} {
		w.tell(h, forwarding)
	}
	w.plug(cables)
	for _, h := range hosts {
		w.ip(h, "link set lo up\n"+settings[h])
	}
	return w
}

// plug connects hosts.
func (w *world) plug(cables [][4]string) {
	w.t.Helper()
	var plug strings.Builder
	for _, c := range cables {
		fmt.Fprintf(&plug, "link add name %s netns %s type veth peer name %s netns %s\n", c[1], w.id+c[0], c[3], w.id+c[2])
	}
	w.ip("", plug.String())
}

// emptyWorld makes hosts that are not connected, and tells their kernels something.
func emptyWorld(t testing.TB, hosts []string, kernel map[string]string) *world {
	t.Helper()
	// The limit ends a world in which something went wrong; nothing else comes
	// near it.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	w := &world{t: t, hosts: hosts, id: fmt.Sprintf("%s%d-%d-", prefix, os.Getpid(), worlds.Add(1)), ctx: ctx}
	t.Cleanup(func() {
		cancel()
		w.remove()
		if t.Failed() {
			t.Logf("transcript:\n%s", w.transcript())
		}
	})
	w.ip("", "netns add "+w.id+strings.Join(hosts, "\nnetns add "+w.id))
	for _, h := range hosts {
		w.tell(h, kernel)
	}
	return w
}

// need skips or fails the test on a machine that lacks something, and removes
// what a run that was killed has left behind.
func need(t *testing.T) {
	testenv.NeedRoot(t)
	for _, name := range []string{"ip", "bridge", "nft", "iptables-restore", "ip6tables-restore", "curl", "lftp"} {
		testenv.NeedBinary(t, name)
	}
	probe := fmt.Sprintf("%s%d-probe", prefix, os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", probe).CombinedOutput(); err != nil {
		testenv.Missing(t, "no network namespaces here: %v: %s", err, out)
	}
	if out, err := exec.Command("ip", "netns", "del", probe).CombinedOutput(); err != nil {
		t.Errorf("ip netns del: %v: %s", err, out)
	}
	old, err := filepath.Glob("/run/netns/" + prefix + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range old {
		name := filepath.Base(path)
		m := regexp.MustCompile(`^` + prefix + `(\d+)-`).FindStringSubmatch(name)
		if m == nil {
			continue
		}
		pid, err := strconv.Atoi(m[1])
		if err != nil || syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			t.Logf("removing what an earlier run left: %v: %s", err, out)
		}
	}
}

// remove deletes the namespaces, and with them everything inside.
func (w *world) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, h := range w.hosts {
		if _, err := os.Stat("/run/netns/" + w.id + h); err != nil {
			continue
		}
		if out, err := exec.CommandContext(ctx, "ip", "netns", "del", w.id+h).CombinedOutput(); err != nil {
			w.t.Errorf("removing %s: %v: %s", h, err, out)
		}
	}
}

// ip gives lines of commands to ip, on a host or on none.
func (w *world) ip(host, commands string) {
	w.t.Helper()
	args := []string{"-batch", "-"}
	if host != "" {
		args = append([]string{"-n", w.id + host}, args...)
	}
	w.must(w.run(program{path: "ip", args: args, stdin: commands + "\n"}))
}

// tell sets those of the kernel parameters that the kernel has.
func (w *world) tell(host string, values map[string]string) {
	w.t.Helper()
	var script strings.Builder
	for name, value := range values {
		fmt.Fprintf(&script, "[ ! -e /proc/sys/%[1]s ] || echo %[2]s >/proc/sys/%[1]s || exit 1\n", name, value)
	}
	w.must(w.run(program{host: host, path: "sh", stdin: script.String()}))
}

// program says what to run on a host, or on none.
type program struct {
	host  string
	path  string
	args  []string
	env   []string
	dir   string
	stdin string
	limit time.Duration // 0 is a minute
}

// result holds what came of a program.
type result struct {
	out string // what it printed
	all string // with errors
	err error  // of type *exec.ExitError unless it could not end by itself
}

// code returns the exit code.
func (r result) code() int {
	var exit *exec.ExitError
	switch {
	case r.err == nil:
		return 0
	case errors.As(r.err, &exit):
		return exit.ExitCode()
	}
	return -1
}

func (w *world) command(ctx context.Context, p program) *exec.Cmd {
	path, args := p.path, p.args
	if p.host != "" {
		path, args = "ip", append([]string{"netns", "exec", w.id + p.host, p.path}, p.args...)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), append([]string{"LC_ALL=C.UTF-8"}, p.env...)...)
	cmd.Dir = p.dir
	// In a group of its own, a program gets no signal from the terminal: the
	// test ends it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// run runs a program to its end.
func (w *world) run(p program) result {
	limit := cmp.Or(p.limit, time.Minute)
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	var out, all bytes.Buffer
	cmd := w.command(ctx, p)
	cmd.Stdin = strings.NewReader(p.stdin)
	both := &locked{w: &all}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, both), both
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s did not end within %v", p.path, limit)
	}
	fmt.Fprintf(w, "%s$ %s %q\n%s%s$ ended: %v\n", p.host, p.path, p.args, p.stdin, all.String(), err)
	return result{out.String(), all.String(), err}
}

func (w *world) must(r result) result {
	w.t.Helper()
	if r.err != nil {
		w.t.Fatalf("%v\n%s", r.err, r.all)
	}
	return r
}

// Write adds to the transcript, which is printed if the test fails.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

// transcript returns what happened, without the beginning if the text is long.
func (w *world) transcript() string {
	const long = 48 << 10
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.log.String()
	if len(text) > long {
		text = "[...]\n" + text[len(text)-long:]
	}
	return text
}

// locked is a writer that two goroutines may use.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
