package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// inspection collects what is found out about settings by looking at this host. Nothing is opened for clients
// meanwhile, and nothing is made that stays.
type inspection struct {
	*settings
	own    owned
	trial  bool // config check looks, perhaps as another user and beside the server itself
	wrong  []error
	unwise []string
	notes  []string
}

// owned reports whether the server that is to go by settings has already what the value of an option names: an address
// or a socket that the server itself uses is not taken by another.
type owned func(option, value string) bool

// examined returns everything that is wrong with settings: wrong, which is what reading them has shown, and what a look
// at this host shows. Every command that goes by settings calls it before it opens anything.
func (s *settings) examined(ctx context.Context, wrong error, own owned) error {
	if s == nil {
		return wrong
	}
	c := &inspection{settings: s, own: own}
	c.examine(ctx)
	return c.joinedTo(wrong)
}

// joinedTo joins what is wrong to the error of reading the settings. The kind of that error stays.
func (c *inspection) joinedTo(wrong error) error {
	if u, ok := wrong.(*usageError); ok {
		return &usageError{u.command, append(u.problems[:len(u.problems):len(u.problems)], c.wrong...)}
	}
	return errors.Join(append([]error{wrong}, c.wrong...)...)
}

// examine collects what is wrong.
func (c *inspection) examine(ctx context.Context) {
	c.findCertificate(time.Now())
	c.bad(c.checkDir())
	_, err := c.chain(labour{}, "of the inspection only", slog.New(slog.DiscardHandler))
	c.bad(err)
	if c.runAs != "" && runtime.GOOS == "linux" {
		c.badForRoot(c.told("run-as", canSplit()))
		c.bad(c.canConfine())
	}
	c.findPorts(ctx)
	c.badForRoot(c.checkActivePort())
	c.findLogs()
	c.findState()
	c.findControl()
}

// bad adds each error that err joins to what is wrong, unless it is about a value that could not be read. Each names
// the option or the place in a file.
func (c *inspection) bad(err error) {
	c.wrong = append(c.wrong, c.notFollowing(joined.Errors(err))...)
}

// badForRoot is bad, except that a check by another user than root, who may be allowed less than the server, only notes
// what the system doesn't permit.
func (c *inspection) badForRoot(err error) {
	if !c.trial || os.Geteuid() == 0 {
		c.bad(err)
		return
	}
	for _, err := range joined.Errors(err) {
		c.notes = append(c.notes, err.Error()+" (root may see more)")
	}
}

// findCertificate looks whether clients can be shown the certificate, and be asked for theirs.
func (c *inspection) findCertificate(now time.Time) {
	config, err := tls.SelfSigned("localhost") // stands for one that is made for the run
	if c.cert != "" && c.key != "" {
		config, err = c.ownConfig(slog.New(slog.DiscardHandler))
	}
	if err != nil {
		c.bad(err)
		config = nil
	}
	if c.clientCA != "" {
		_, err := readCA(c.clientCA)
		c.bad(c.told("client-ca", err))
	}
	if config == nil {
		return
	}
	if c.cert != "" && c.key != "" {
		c.bad(c.told("cert", invalid((&certificate{config: config}).leaf(), now)))
	}
	files := driver.Func(func(context.Context, *driver.Login) (*driver.Account, error) { return nil, driver.ErrLogin })
	err = (&server.Server{Driver: files, TLS: config, InsecurePlaintext: c.plaintext}).Validate()
	for _, err := range joined.Errors(err) {
		c.bad(c.told("cert", err))
	}
}

// invalid returns why clients don't accept a certificate at a time; nil for a certificate that can't be read.
func invalid(leaf *x509.Certificate, now time.Time) error {
	switch {
	case leaf == nil:
		return nil
	case now.After(leaf.NotAfter):
		return fmt.Errorf("the certificate has expired on %s; renew it (certbot renew), or name another", leaf.NotAfter.Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("the certificate is not valid before %s; set this host's clock right, or name another", leaf.NotBefore.Format(time.DateOnly))
	}
	return nil
}

// findPorts looks whether the ports can be opened that the server doesn't have yet.
func (c *inspection) findPorts(ctx context.Context) {
	var addrs []netip.Addr
	everywhere := false
	for _, l := range c.controlPorts() {
		at, err := net.ResolveTCPAddr("tcp", l.addr)
		if l.addr == "" || checkAddr(l.addr) != nil {
			continue
		}
		if err == nil {
			a := at.AddrPort().Addr().Unmap()
			everywhere = everywhere || !a.IsValid() || a.IsUnspecified()
			if !slices.Contains(addrs, a) {
				addrs = append(addrs, a)
			}
		}
		if !c.own(l.option, l.addr) {
			c.taken(c.listening(l.option, l.addr, l.usual, bind(ctx, "tcp", l.addr)))
		}
	}
	ports, err := passive.Range(c.passive)
	if err != nil || len(addrs) == 0 {
		return // check has reported the error
	}
	defer ports.Close()
	if everywhere {
		addrs = nil
	}
	ports.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
		if c.own("passive", address) {
			return noListener{}, nil
		}
		return noListener{}, bind(ctx, network, address)
	}
	err = ports.Check(ctx, addrs...)
	if canDoWith(ports, err) {
		for _, err := range joined.Errors(err) {
			c.notes = append(c.notes, fmt.Sprintf("%s: %v", c.head("passive"), err))
		}
		return
	}
	c.taken(c.told("passive", withPortCures(err, defaults().passive)))
}

// taken adds errors of ports. A check that can't ask the server which ports are its own only notes them.
func (c *inspection) taken(err error) {
	if c.trial && c.own(unknownOwner, "") {
		for _, err := range joined.Errors(err) {
			c.notes = append(c.notes, err.Error())
		}
		return
	}
	c.badForRoot(err)
}

// unknownOwner is the option by which an owned reports that it can't know what the server has.
const unknownOwner = ""

// noListener stands for a listener that was not opened.
type noListener struct{ net.Listener }

func (noListener) Close() error { return nil }

// controlPort is an address where clients log in.
type controlPort struct{ option, addr, usual string }

// controlPorts returns the addresses where clients log in; empty addresses are none.
func (s *settings) controlPorts() []controlPort {
	return []controlPort{{"listen", s.listen, defaults().listen}, {"listen-implicit", s.implicit, defaults().implicit}}
}

// findLogs looks whether the logs can be opened.
func (c *inspection) findLogs() {
	for _, l := range []struct{ option, path string }{{"log", c.log}, {"audit-log", c.auditFile()}} {
		if l.path != "" {
			c.badForRoot(c.told(l.option, checkLogFile(l.path, ownLog)))
		}
	}
	if c.auditLog == formatJournal {
		c.bad(c.told("audit-log", checkJournal()))
	}
	c.findVsftpdLogs()
}

// findState looks whether the state directory can be used. The usual one, which nobody asked for, may be missing.
func (c *inspection) findState() {
	dir, asked := c.statePath()
	if dir == "" {
		return
	}
	if asked {
		c.badForRoot(c.told("state-dir", tryDir(dir)))
	}
	_, err := readBans(filepath.Join(dir, "bans.json"))
	c.badForRoot(c.told("state-dir", err))
}

// findControl looks whether the control socket can be made. The usual one, which nobody asked for, may be missing.
func (c *inspection) findControl() {
	_, err := c.groupID()
	c.bad(err)
	path, asked := c.controlPath()
	if path == "" || !asked || c.own("control", path) {
		return
	}
	if runtime.GOOS == "windows" {
		c.bad(c.told("control", errNoSockets))
		return
	}
	err = tryDir(filepath.Dir(path))
	if err == nil {
		err = checkVacant(path)
	}
	if n := len(filepath.Join(filepath.Dir(path), ".control0123456789", "s")); err == nil && max(n, len(path)) > longestSocket {
		err = fmt.Errorf("the path is too long for a socket; name one of %d bytes at most", longestSocket-(n-len(filepath.Dir(path))))
	}
	c.badForRoot(c.told("control", err))
}

// tryDir returns why files can't be made in a directory. A directory that is missing can be made if its parent is
// there.
func tryDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir = filepath.Dir(dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory; name another", dir)
	}
	made, err := os.MkdirTemp(dir, ".sallyport-*")
	if err != nil {
		return err
	}
	return os.Remove(made)
}

// owns reports whether this server has already what the value of an option names.
func (d *daemon) owns(option, value string) bool {
	at := func(ln net.Listener) bool { return ln != nil && sameAddress(value, ln.Addr().String()) }
	switch option {
	case "listen":
		return value == d.listen || at(d.explicit)
	case "listen-implicit":
		return value == d.settings.implicit || at(d.implicit)
	case "passive":
		return d.hasDataPort(value)
	case "control":
		return d.socket != nil && d.socket.path == value
	}
	return false
}

// hasDataPort reports whether the port of an address is one of the server's own data ports.
func (d *daemon) hasDataPort(address string) bool {
	at, err := dataAddr(address)
	if err != nil {
		return false
	}
	for n := range d.ports.Numbers() {
		if n == at.Port() {
			return true
		}
	}
	return false
}

// sameAddress reports whether an address to listen on is that of a listener.
func sameAddress(want, listens string) bool {
	a, err1 := net.ResolveTCPAddr("tcp", want)
	b, err2 := net.ResolveTCPAddr("tcp", listens)
	if err1 != nil || err2 != nil {
		return false
	}
	all := func(ip net.IP) bool { return len(ip) == 0 || ip.IsUnspecified() }
	return a.Port == b.Port && (all(a.IP) && all(b.IP) || a.IP.Equal(b.IP))
}

// ownedByRunning returns what the server has that answers on the control socket of the settings. Without an answer it
// has nothing. Without a control socket, or for who may not use it, nobody knows.
func (s *settings) ownedByRunning(ctx context.Context) owned {
	path, _ := s.controlPath()
	var now status
	o := &order{method: "GET", path: "/v1/status", told: &now}
	_, _, err := o.ask(ctx, path)
	if path == "" || err != nil && !isUnreachable(err) {
		return func(option, _ string) bool { return option == unknownOwner }
	}
	if err != nil {
		return func(string, string) bool { return false }
	}
	data, _ := passive.Range(cmp.Or(now.DataPorts, "any")) // an error leaves none
	d := &daemon{ports: data}
	return func(option, value string) bool {
		switch option {
		case "control":
			return true
		case "passive":
			return d.ports != nil && d.hasDataPort(value)
		}
		for _, l := range now.Listeners {
			if strings.TrimSuffix(option, "-implicit") == "listen" && sameAddress(value, l.Address) {
				return true
			}
		}
		return false
	}
}
