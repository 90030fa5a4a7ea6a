package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// supervisor is the program that has started this one, if it supports the protocol of systemd (sd_notify(3),
// sd_listen_fds(3)). It is told the state of the server, may hand listeners over, and may keep listeners open while
// the server restarts. All methods do nothing for nil, which stands for none.
type supervisor struct {
	socket   string        // the socket to notify; empty for none
	watchdog time.Duration // how often at least it wants to hear that the server is well; 0 for never
	room     int           // how many listeners it can keep over a restart, as far as it says
	handed   []*handed
	log      *slog.Logger
	failed   sync.Once // lets only the first failure to notify it be logged
}

// firstHanded is the first descriptor that a supervisor hands over (sd_listen_fds(3), SD_LISTEN_FDS_START).
const firstHanded = 3

// Names of listeners that the supervisor keeps. Listeners of systemd's units have other names.
const (
	keptPrefix = "sallyport-"
	keptData   = keptPrefix + "data"
)

// newSupervisor returns the supervisor that the environment names, with the listeners that it hands over.
func newSupervisor(log *slog.Logger) (*supervisor, error) {
	s := &supervisor{socket: os.Getenv("NOTIFY_SOCKET"), log: log}
	s.room, _ = strconv.Atoi(os.Getenv("FDSTORE"))
	if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && (os.Getenv("WATCHDOG_PID") == "" || isMe("WATCHDOG_PID")) {
		s.watchdog = time.Duration(usec) * time.Microsecond
	}
	err := s.takeOver()
	if s.socket == "" && len(s.handed) == 0 {
		return nil, err
	}
	return s, err
}

// isMe reports whether an environment variable holds the PID of this process.
func isMe(name string) bool { return os.Getenv(name) == strconv.Itoa(os.Getpid()) }

// notify sends the supervisor lines NAME=VALUE, with a descriptor of f unless f is nil.
func (s *supervisor) notify(state string, f *os.File) {
	if s == nil || s.socket == "" {
		return
	}
	if err := s.send(state, f); err != nil {
		s.failed.Do(func() {
			s.log.Warn("the supervisor (NOTIFY_SOCKET) can't be told how the server is", "err", err)
		})
	}
}

// notifyPatience bounds how long a supervisor that hangs may block notify.
const notifyPatience = time.Second

func (s *supervisor) send(state string, f *os.File) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	patience := unix.NsecToTimeval(notifyPatience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	to := &unix.SockaddrUnix{Name: s.socket} // a leading @ stands for an abstract name
	if f == nil {
		return os.NewSyscallError("sendmsg", unix.Sendmsg(fd, []byte(state), nil, to, 0))
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var sending error
	err = raw.Control(func(its uintptr) {
		sending = os.NewSyscallError("sendmsg", unix.Sendmsg(fd, []byte(state), unix.UnixRights(int(its)), to, 0))
	})
	return errors.Join(err, sending)
}

// ready notifies that the server serves, after a start and after a reload.
func (s *supervisor) ready(status string) {
	s.notify(fmt.Sprintf("READY=1\nMAINPID=%d\nSTATUS=%s", os.Getpid(), oneLine(status)), nil)
}

// reloading notifies that the configuration is read again (systemd.service(5), Type=notify-reload).
func (s *supervisor) reloading() {
	if s == nil {
		return
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err == nil {
		s.notify(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=The configuration is read again", now.Nano()/1000), nil)
	}
}

// stopping notifies that the server shuts down.
func (s *supervisor) stopping() { s.notify("STOPPING=1\nSTATUS=Running transfers finish", nil) }

// watch notifies again and again that the server is well, for as long as well reports it, until ctx ends. well must
// return at once, since the supervisor ends a server that it does not hear in time.
func (s *supervisor) watch(ctx context.Context, well func() bool) {
	if s == nil || s.watchdog <= 0 {
		return
	}
	ticker := time.NewTicker(max(s.watchdog/3, time.Millisecond))
	defer ticker.Stop()
	for {
		if well() {
			s.notify("WATCHDOG=1", nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// oneLine replaces line ends in a text by spaces.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// keep has the supervisor keep a listener open, by a name, while the server restarts.
func (s *supervisor) keep(name string, ln net.Listener) {
	if s == nil || s.socket == "" {
		return
	}
	f, err := descriptorOf(ln)
	if err != nil {
		s.log.Warn("the supervisor can't keep a listener", "address", ln.Addr(), "err", err)
		return
	}
	defer f.Close()
	s.notify("FDSTORE=1\nFDNAME="+name, f)
}

// handed is a listener that the supervisor hands over.
type handed struct {
	net.Listener
	name   string
	number int // its descriptor
	taken  bool
}

// kept reports whether the listener was kept from an earlier run of this server; otherwise a unit has opened it.
func (h *handed) kept() bool { return strings.HasPrefix(h.name, keptPrefix) }

func (h *handed) String() string {
	return fmt.Sprintf("%v (descriptor %d, %q)", h.Addr(), h.number, h.name)
}

// takeOver takes the listeners that the supervisor hands over, and hides them from programs that this one starts.
func (s *supervisor) takeOver() error {
	number := os.Getenv("LISTEN_FDS")
	mine := isMe("LISTEN_PID")
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"} {
		os.Unsetenv(name)
	}
	if !mine || number == "" {
		return nil // they are for the program that has started this one
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > maxHanded {
		return fmt.Errorf("LISTEN_FDS is %q; want a number up to %d", number, maxHanded)
	}
	var errs []error
	for i := range n {
		h := &handed{number: firstHanded + i, name: "unknown"}
		if i < len(names) && names[i] != "" {
			h.name = names[i]
		}
		if h.Listener, err = handedListener(h.number); err != nil {
			errs = append(errs, fmt.Errorf("LISTEN_FDS: descriptor %d (%q) is no TCP socket that listens: %w", h.number, h.name, err))
			continue
		}
		s.handed = append(s.handed, h)
	}
	return errors.Join(errs...)
}

// maxHanded bounds how many listeners a supervisor may hand over.
const maxHanded = 1 << 16

// handedListener returns the listener of a descriptor that was handed over.
func handedListener(fd int) (net.Listener, error) {
	unix.CloseOnExec(fd)
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt", err)
	}
	if listens == 0 {
		return nil, errors.New("it does not listen (a .socket unit wants ListenStream=, and Accept=no)")
	}
	ln, err := listenerOf(os.NewFile(uintptr(fd), "listener"))
	if err != nil {
		return nil, err
	}
	if _, ok := ln.(*net.TCPListener); !ok {
		ln.Close()
		return nil, fmt.Errorf("it is a socket of %s", ln.Addr().Network())
	}
	return ln, nil
}

// take returns the listener that was handed over for a control address, nil for none. option is the option that sets
// the address. For port 0 it is the name that the listener must have.
func (s *supervisor) take(option, addr string) net.Listener {
	if s == nil || addr == "" {
		return nil
	}
	want, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil // opening the listener reports the error
	}
	for _, h := range s.handed {
		at := h.Addr().(*net.TCPAddr)
		named := h.name == option || h.name == keptPrefix+option
		if !h.taken && sameHost(want.IP, at.IP) && (want.Port == at.Port || want.Port == 0 && named) {
			h.taken = true
			return h.Listener
		}
	}
	return nil
}

// hands reports whether a listener for an address is handed over, or has to be, since a unit hands listeners over. data
// reports those that are missing.
func (s *supervisor) hands(address string) bool {
	return s != nil && slices.ContainsFunc(s.handed, func(h *handed) bool { return !h.kept() || sameAddress(address, h.Addr().String()) })
}

// logTo sets the log.
func (s *supervisor) logTo(log *slog.Logger) {
	if s != nil {
		s.log = log
	}
}

// sameHost reports whether two hosts are the same. All forms of the wildcard address are.
func sameHost(a, b net.IP) bool {
	all := func(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }
	return all(a) && all(b) || a.Equal(b)
}

// data returns the data ports that were handed over. Its errors name listeners that no option has, and those that are
// missing.
func (s *supervisor) data(d *daemon) (data []net.Listener, err error) {
	if s == nil {
		return nil, nil
	}
	missing := map[uint16]bool{}
	for n := range d.ports.Numbers() {
		missing[n] = true
	}
	var errs []error
	given := false // a unit hands listeners over
	for _, h := range s.handed {
		port := uint16(h.Addr().(*net.TCPAddr).Port)
		_, known := missing[port]
		switch {
		case h.taken:
			given = given || !h.kept()
		case known:
			h.taken, missing[port] = true, false
			data = append(data, h.Listener)
			given = given || !h.kept()
		case h.kept(): // of a configuration that was changed meanwhile
			h.Close()
			s.forget(h)
		default:
			errs = append(errs, fmt.Errorf("the supervisor hands over %v, which is neither listen (%s) nor listen-implicit (%s) nor one of passive (%v); have its .socket units and the configuration say the same",
				h, cmp.Or(d.listen, "none"), cmp.Or(d.settings.implicit, "none"), d.ports))
		}
	}
	if !given {
		return data, errors.Join(errs...)
	}
	for _, c := range []struct {
		option, addr string
		ln           net.Listener
	}{{"listen", d.listen, d.explicit}, {"listen-implicit", d.settings.implicit, d.implicit}} {
		if c.ln != nil && s.find(c.ln) == nil {
			errs = append(errs, fmt.Errorf("%s (%s) is not among the sockets that the supervisor hands over; add ListenStream= for it to the .socket unit, or set it to \"\"", d.at(c.option), c.addr))
		}
	}
	var without []string
	for n := range d.ports.Numbers() {
		if missing[n] {
			without = append(without, strconv.Itoa(int(n)))
		}
	}
	if len(data) > 0 && len(without) > 0 {
		errs = append(errs, fmt.Errorf("of %s (%v) the supervisor does not hand over %s; hand over all data ports or none", d.at("passive"), d.ports, strings.Join(without, ", ")))
	}
	return data, errors.Join(errs...)
}

// find returns what was handed over as a listener, nil if the listener was not.
func (s *supervisor) find(ln net.Listener) *handed {
	if s == nil {
		return nil
	}
	for _, h := range s.handed {
		if h.Listener == ln {
			return h
		}
	}
	return nil
}

// forget has the supervisor give up a listener. That gives up all listeners of the same name: the caller has to have
// those that are still needed kept again.
func (s *supervisor) forget(h *handed) { s.notify("FDSTOREREMOVE=1\nFDNAME="+h.name, nil) }

// store has the supervisor keep the listeners, except for those that a unit keeps open.
func (s *supervisor) store(d *daemon) {
	if s == nil {
		return
	}
	for name, ln := range map[string]net.Listener{"listen": d.explicit, "listen-implicit": d.implicit} {
		if ln != nil && !s.isUnits(ln) {
			s.keep(keptPrefix+name, ln)
		}
	}
	for _, ln := range d.held {
		if !s.isUnits(ln) {
			s.keep(keptData, ln)
		}
	}
}

// isUnits reports whether a unit has handed a listener over. The unit keeps it open.
func (s *supervisor) isUnits(ln net.Listener) bool {
	h := s.find(ln)
	return h != nil && !h.kept()
}

// keepsData reports whether the supervisor has said that it can keep so many data ports on so many addresses.
func (s *supervisor) keepsData(ports, addrs int) bool {
	const control = 2 // explicit and implicit
	return s != nil && s.socket != "" && ports > 0 && s.room >= ports*addrs+control
}
