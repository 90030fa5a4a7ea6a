package passive

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// PortError says that ports of the set cannot be listened on. Unwrap gives the system's error.
type PortError struct {
	Ports  string     // in the form Range reads
	Addr   netip.Addr // where; the zero Addr is everywhere
	Reason string     // in plain words
	Err    error
}

func (e *PortError) Error() string {
	where := "passive port " + e.Ports
	if e.Ports == anyText {
		where = "passive ports"
	} else if strings.ContainsAny(e.Ports, ",-") {
		where = "passive ports " + e.Ports
	}
	if e.Addr.IsValid() {
		where += " on " + e.Addr.String()
	}
	return where + ": " + e.Reason
}

func (e *PortError) Unwrap() error { return e.Err }

// InUse reports whether somebody else holds the ports. Such a failure passes, and a server can use the other ports
// meanwhile.
func (e *PortError) InUse() bool { return isErrno(e.Err, syscall.EADDRINUSE, 10048) }

// Check finds at start what would otherwise fail later. It validates the fields, looks up a name to be announced, and
// opens every port once on each address of addrs (without any, on all addresses at once), except ports that p has open.
// All errors are joined; those about ports are of type [*PortError].
func (p *Ports) Check(ctx context.Context, addrs ...netip.Addr) error {
	errs := []error{p.Validate()}
	if c, ok := p.Announce.(checker); ok && errs[0] == nil {
		errs = append(errs, c.Check(ctx))
	}
	if len(addrs) == 0 {
		addrs = []netip.Addr{{}}
	}
	for _, addr := range addrs {
		errs = append(errs, p.checkAddr(ctx, plain(addr)))
	}
	return errors.Join(errs...)
}

func (p *Ports) checkAddr(ctx context.Context, addr netip.Addr) error {
	var bad failures
	if p.systemChooses() {
		if ln, err := p.listen(ctx, wildcard(addr), 0); err != nil {
			bad.add(0, err)
		} else {
			ln.Close()
		}
		return bad.join(addr)
	}
	for n := range p.set.all() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.isOpen(slot{wildcard(addr), n}) {
			continue
		}
		ln, err := p.listen(ctx, wildcard(addr), n)
		if err == nil {
			err = ln.Close()
		}
		if err != nil {
			bad.add(n, err)
		}
	}
	return bad.join(addr)
}

func (p *Ports) isOpen(at slot) bool {
	p.mu.Lock()
	defer p.unlock()
	return p.doors[at] != nil
}

// failures gathers ports by what is wrong with them, so that a hundred ports that fail alike make one line.
type failures []*gathered

type gathered struct {
	reason string
	err    error
	ports  portSet
}

// add expects ports in ascending order.
func (f *failures) add(port uint16, err error) {
	if err == nil {
		return
	}
	reason := reasonFor(err)
	i := slices.IndexFunc(*f, func(g *gathered) bool { return g.reason == reason })
	if i < 0 {
		i = len(*f)
		*f = append(*f, &gathered{reason: reason, err: err})
	}
	g := (*f)[i]
	if last := len(g.ports) - 1; last >= 0 && g.ports[last].last == port-1 {
		g.ports[last].last = port
	} else if port != 0 {
		g.ports = append(g.ports, span{port, port})
	}
}

func (f failures) join(addr netip.Addr) error {
	var errs []error
	for _, g := range f {
		errs = append(errs, &PortError{Ports: g.ports.String(), Addr: addr, Reason: g.reason, Err: g.err})
	}
	return errors.Join(errs...)
}

func reasonFor(err error) string {
	switch {
	case isErrno(err, syscall.EADDRINUSE, 10048):
		return inUse
	case isErrno(err, syscall.EADDRNOTAVAIL, 10049):
		return "the address does not belong to this host"
	case isErrno(err, syscall.EACCES, 10013):
		return "the system does not permit it"
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// portsOwn reports whether err is about one port alone, so that another port may work. A lack of descriptors or of the
// address concerns all ports.
func portsOwn(err error) bool {
	return !isErrno(err, syscall.EADDRNOTAVAIL, 10049) && !isErrno(err, syscall.EMFILE, 10024) &&
		!isErrno(err, syscall.ENFILE, 0) && !isErrno(err, syscall.ENOBUFS, 10055) && !errors.Is(err, ErrClosed)
}

// isErrno reports whether an error is one of the system's: unix or, on Windows, the number of Winsock for the same,
// which package syscall does not map.
func isErrno(err error, unix, winsock syscall.Errno) bool {
	if errors.Is(err, unix) {
		return true
	}
	return runtime.GOOS == "windows" && winsock != 0 && errors.Is(err, winsock)
}

// failed explains why no port can be had on local. The caller holds mu.
func (p *Ports) failed(local netip.Addr) error {
	var bad failures
	for n := range p.set.all() {
		bad.add(n, p.bad[slot{local, n}].err)
	}
	return bad.join(local)
}
