package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

func runServe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return serveBy(ctx, "serve", func() (*settings, error) { return parseServe(args) }, stdout, stderr)
}

// serveBy serves by the settings that read returns. A reload calls read again.
func serveBy(ctx context.Context, command string, read func() (*settings, error), stdout, stderr io.Writer) error {
	left, err := leftBehind()
	if err != nil {
		return err
	}
	s, err := read()
	if err == errHelp {
		return printHelp([]string{command}, stdout)
	}
	sup, errSup := newSupervisor(slog.New(slog.DiscardHandler))
	own := func(option, value string) bool {
		return left != nil || sup.hands(value) || option != "passive" && s != nil && s.stdin
	}
	err = s.examined(ctx, err, own)
	if errSup != nil {
		err = errors.Join(err, errSup)
	}
	if err != nil {
		return err
	}
	// Ignores SIGPIPE: the end of a reader of the log must not end the server.
	signal.Ignore(syscall.SIGPIPE)
	out := s.openLog(stderr)
	defer out.close()
	log := out.Logger
	ctx, end := context.WithCancel(ctx)
	defer end()
	hangup := newHangup(s, log)
	until, stop := awaitSignals(ctx, hangup)
	defer stop()
	sup.logTo(log)
	d, err := s.open(until.drain, log, sup, left)
	defer d.close()
	if err = errors.Join(out.err, err); err != nil {
		return err
	}
	d.tellHidden()
	d.level, d.hangup, d.end = out.level, hangup, end
	d.reread, d.apply, d.reloads = read, d.follow, d.reload
	facts := logTo(stdout) // a queue, since readers of the banner may hang, too
	defer facts.Close(logGrace)
	if s.runAs != "" {
		return d.keep(until, facts, out)
	}
	io.WriteString(facts, d.banner())
	sup.store(d)
	sup.ready("Serving")
	served, endServed := context.WithCancel(context.Background())
	defer endServed()
	go sup.watch(served, d.isAlive(served))
	return d.serve(until, out.words)
}

// daemon is a server with the files, certificate and ports that it uses.
type daemon struct {
	*settings
	log                *slog.Logger
	level              *slog.LevelVar
	homes              *homes // nil in a split server, whose hands have the homes
	leave              func() // gives up the served directory
	places             atomic.Pointer[[]place]
	cert               *certificate
	ports              *passive.Ports
	explicit, implicit net.Listener // nil for none
	sup                *supervisor
	left               *handover      // what an earlier program has left to this one; nil for nothing
	program            string         // the path of this program
	logPipe            []*os.File     // the pipe that parts write their log to; empty for standard error
	held               []net.Listener // data ports that stay open
	inUse              sharedPorts    // those held ports that this process uses
	password           string         // the password made for this run
	srv                *server.Server

	hangup   *hangup
	reread   func() (*settings, error)
	apply    func(next *settings) error // puts settings that were read again into force
	upgrades func() upgraded            // starts the program anew; nil if that is not possible
	reloads  func() reloaded            // carries out a reload that the control socket asks for
	about    func() report              // describes all processes; nil if this is the only one
	lookUp   resolver                   // resolves announced names; nil for the system's resolver
	started  *settings                  // the settings of the start

	// dialClient connects to clients in active mode; nil if this process may itself
	dialClient func(ctx context.Context, local, remote netip.AddrPort) (net.Conn, error)

	engine        int                                                 // this process if it is an engine of a split server, otherwise 0
	siblings      server.Siblings                                     // nil unless this process is an engine
	sessionPrefix string                                              // what IDs of sessions begin with
	elsewhere     func(context.Context, engineRequest) []engineAnswer // asks the other engines; nil if there can't be any

	processors int // how many processors Go may use; 0 for as many as it finds

	bans      *bans
	stateLock *os.File      // nil for none
	audit     *auditor      // nil for none
	vsftpd    *vsftpdWriter // nil for none

	socket      *controlSocket // nil for none
	stopControl func()
	startedAt   time.Time
	end         func() // has the server shut down
	draining    atomic.Bool
	retired     atomic.Bool // another engine accepts connections now
	reloading   sync.Mutex  // is held during a reload
	mu          sync.Mutex  // guards settings, leave, cert and last, which a reload changes and others read
	last        reloaded
}

// resolver looks up the addresses of a name; network is always "ip".
type resolver = func(ctx context.Context, network, name string) ([]netip.Addr, error)

// current returns the settings in force.
func (d *daemon) current() *settings {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settings
}

// open opens files, certificate and ports. Its error names all that can't be opened. The daemon
// has to be closed in any case.
func (s *settings) open(ctx context.Context, log *slog.Logger, sup *supervisor, left *handover) (*daemon, error) {
	d := &daemon{settings: s, sup: sup, left: left, program: programPath(), started: s, startedAt: time.Now(), log: log, password: strings.ToLower(rand.Text()), leave: func() {}}
	d.last = d.readAgain()
	if left != nil {
		if s.runAs == "" {
			return d, fmt.Errorf("%s: a server that is split can't go on in one process; restart it", s.head("run-as"))
		}
		var err error
		if d.sup, err = left.supervisor(sup, d); err != nil {
			return d, err
		}
	}
	if s.runAs != "" {
		return d, d.hold(ctx)
	}
	d.homes = newHomes(ctx, log, func() string { return d.current().bucketHelper() })
	var err1 error
	d.leave, err1 = d.homes.keep(s)
	if err := errors.Join(err1, d.hold(ctx)); err != nil {
		return d, err
	}
	d.behindProxies(d.listenData)
	d.places.Store(s.places())
	users, err := s.driver(d.homes.login, d.password, log)
	d.srv = d.server(users)
	return d, errors.Join(err, d.srv.Validate())
}

// hold loads the certificate and opens the ports.
func (d *daemon) hold(ctx context.Context) error {
	var errs [9]error
	if d.left != nil {
		d.cert, errs[0] = d.left.certificate(d.settings, d.log)
	}
	if d.cert == nil && errs[0] == nil {
		d.cert, errs[0] = d.loadCertificate(d.log)
	}
	d.explicit, errs[1] = d.control(ctx, "listen", d.listen, defaults().listen)
	d.implicit, errs[2] = d.control(ctx, "listen-implicit", d.settings.implicit, defaults().implicit)
	errs[3] = d.openPorts(ctx)
	errs[4] = d.openControl()
	errs[5] = d.openAudit()
	errs[6] = d.openBans()
	errs[7] = d.checkActivePort()
	errs[8] = d.openVsftpdLogs()
	return errors.Join(errs[:]...)
}

// control returns a listener for control connections: the one that the supervisor hands over, or a
// new one.
func (d *daemon) control(ctx context.Context, option, addr, usual string) (net.Listener, error) {
	if d.stdin && addr != "" {
		ln, err := stdinListener()
		return ln, d.told(option, err)
	}
	if ln := d.sup.take(option, addr); ln != nil {
		return ln, nil
	}
	return d.listener(ctx, option, addr, usual)
}

// server makes the server for the listeners, ports and certificate.
func (d *daemon) server(users driver.Driver) *server.Server {
	var bounds server.Settings
	d.limits.into(&bounds)
	srv := &server.Server{
		Driver: users, TLS: d.cert.config, Passive: d.ports, SessionReuse: d.reuse,
		RequireCloseNotify: d.closeNotify, InsecurePlaintext: d.plaintext, Logger: d.log,
		SharedAddress: d.shared, NeverConvert: d.neverConvert, Disabled: d.disabled, AllowSymlink: d.symlink,
		Greeting: d.greeting, IdleTimeout: bounds.IdleTimeout, DataTimeout: bounds.DataTimeout, MaxSessions: bounds.MaxSessions,
		MaxSessionsPerAddress: bounds.MaxSessionsPerAddress, MaxLoginFailures: bounds.MaxLoginFailures, MaxLogins: mostLogins(),
		Location: d.listings.zone(), LocalMDTM: d.listings.LocalMDTM, HideDotFiles: d.listings.HideDotFiles, ListRecursive: d.listings.Recursive, DirMessage: d.listings.DirMessage,
		Hooks: d.hooks(), Intercept: d.intercept(), SessionPrefix: d.sessionPrefix, Siblings: d.siblings,
	}
	if d.active {
		srv.Active = &server.Active{SourcePort: d.activePort, Dial: d.dialClient, Timeout: d.data.ConnectTimeout, InsecureAnyAddress: d.data.Anywhere}
	}
	return srv
}

// makePorts makes the data ports.
func (d *daemon) makePorts() (err error) {
	if d.ports, err = passive.Range(d.passive); err != nil {
		return err
	}
	d.ports.TTL, d.ports.InsecureAnyPeer = d.data.AcceptTimeout, d.data.AnyPeer
	if d.announce == "" {
		return nil
	}
	rules, err := d.rules(d.announce)
	if err == nil {
		d.ports.Announce = rules
	}
	return err
}

// rules parses the rules for the address that clients are told.
func (d *daemon) rules(text string) (passive.Rules, error) {
	rules, err := passive.ParseRules(text)
	for _, r := range rules {
		if name, ok := r.Announce.(*passive.Name); ok {
			name.Resolver = d.lookUp
		}
	}
	return rules, err
}

// openPorts makes the data ports, and tries each once on the addresses that clients connect to.
func (d *daemon) openPorts(ctx context.Context) error {
	if err := d.makePorts(); err != nil {
		return err
	}
	addrs := listenedOn(d.explicit, d.implicit)
	var err error
	if d.held, err = d.sup.data(d); err != nil {
		return err
	}
	if d.sup.keepsData(d.ports.Len(), max(len(addrs), 1)) {
		d.held = append(d.held, d.holdData(ctx, addrs)...)
	}
	if d.left != nil { // older engines use the ports
		return d.ports.Validate()
	}
	d.ports.Listen = d.listenChecked
	err = d.ports.Check(ctx, addrs...)
	d.ports.Listen = nil
	if !canDoWith(d.ports, err) {
		return withPortCures(err, defaults().passive)
	}
	if err != nil && len(addrs) > 1 { // otherwise the server reports the error
		d.log.Error("some data ports cannot be used", "problem", err)
	}
	return nil
}

// listenedOn returns the addresses of listeners, or none if one of them listens on every address.
func listenedOn(lns ...net.Listener) []netip.Addr {
	var addrs []netip.Addr
	for _, ln := range lns {
		if ln == nil {
			continue
		}
		a := ln.Addr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		if a.IsUnspecified() {
			return nil
		}
		if !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// close releases everything that open has opened. It may be called even if open has failed.
func (d *daemon) close() {
	if d.socket != nil {
		d.socket.remove()
	}
	for _, ln := range append([]net.Listener{d.explicit, d.implicit}, d.held...) {
		if ln != nil {
			ln.Close()
		}
	}
	if d.ports != nil {
		d.ports.Close()
	}
	d.leave()
	if d.homes != nil {
		d.homes.buckets.end()
	}
	if d.cert != nil {
		d.cert.remove()
	}
	if d.bans != nil {
		d.bans.state.close()
	}
	d.stateLock.Close() // does nothing for nil
	d.audit.shut()
	d.vsftpd.close()
}

// serve serves until it is asked to end or a listener fails.
func (d *daemon) serve(until endings, stderr io.Writer) error {
	ctx := until.drain
	if d.homes != nil {
		d.keepSwept(ctx)
		go d.watchAccess(ctx, func(next *settings) error { d.use(next, d.cert, d.leave); return nil })
	}
	d.stopControl = sync.OnceFunc(d.startControl())
	defer d.stopControl()
	ended := make(chan error, 2)
	if d.explicit != nil {
		go func() { ended <- d.srv.Serve(d.guard(d.explicit, false)) }()
	}
	if d.implicit != nil {
		go func() { ended <- d.srv.ServeTLS(d.guard(d.implicit, true)) }()
	}
	go tidy(ctx)
	go fewThreads(ctx, d.processors)
	go d.endAfterOne(ctx)
	for {
		select {
		case err := <-ended:
			if d.retired.Load() {
				continue
			}
			d.srv.Close()
			return err
		case <-d.hangup.reload:
			d.reload()
		case <-ctx.Done():
			return d.shutdown(until.cut, stderr)
		}
	}
}

// shutdown drains the server: transfers may finish until the time for that is over or cut is done.
func (d *daemon) shutdown(cut context.Context, stderr io.Writer) error {
	d.draining.Store(true)
	d.sup.stopping()
	drain := d.current().drain
	ctx, cancel := context.WithTimeout(cut, drain)
	defer cancel()
	all, busy := d.counts()
	fmt.Fprintf(stderr, "shutting down: %d of %d sessions are busy and get %v; another signal cuts them off\n", busy, all, drain)
	if err := d.srv.Shutdown(ctx); err != nil {
		return errCut
	}
	return nil
}

var errCut = errors.New("stopped before all transfers were over")
