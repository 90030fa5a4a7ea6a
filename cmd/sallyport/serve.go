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
	left, err := leftBehind()
	if err != nil {
		return err
	}
	s, err := parseServe(args)
	if err == errHelp {
		return printHelp([]string{"serve"}, stdout)
	}
	if err != nil {
		return err
	}
	// A reader of the log that is dead or asleep must not end or stop the server.
	signal.Ignore(syscall.SIGPIPE)
	out := s.openLog(stderr)
	defer out.close()
	log := out.Logger
	ctx, end := context.WithCancel(ctx)
	defer end()
	hangup := newHangup(s, log)
	until, stop := awaitSignals(ctx, hangup)
	defer stop()
	sup, errSup := newSupervisor(log)
	d, err := s.open(until.drain, log, sup, left)
	defer d.close()
	if err = errors.Join(out.err, errSup, err); err != nil {
		return err
	}
	d.tellHidden()
	d.level, d.hangup, d.end = out.level, hangup, end
	d.reread, d.apply, d.reloads = func() (*settings, error) { return parseServe(args) }, d.follow, d.reload
	facts := logTo(stdout) // whoever reads the banner may be dead or asleep as well
	defer facts.Close(logGrace)
	if s.runAs != "" {
		return d.keep(until, facts, out)
	}
	io.WriteString(facts, d.banner())
	sup.store(d)
	sup.ready("Serving")
	go sup.watch(ctx, d.alive)
	return d.serve(until, out.words)
}

// daemon is a server with everything it stands on.
type daemon struct {
	*settings
	log                *slog.Logger
	level              *slog.LevelVar
	homes              *homes // nil where hands have them
	leave              func() // gives up the directory that is served
	places             atomic.Pointer[[]place]
	cert               *certificate
	ports              *passive.Ports
	explicit, implicit net.Listener // nil for none
	sup                *supervisor
	left               *handover      // by another program that has served so far; nil for none
	program            string         // the path of this one
	logPipe            []*os.File     // where parts write their log; none for standard error
	held               []net.Listener // data ports that are open for good
	inUse              sharedPorts    // those of them that are used by this process
	password           string         // made for this run
	srv                *server.Server

	hangup   *hangup
	reread   func() (*settings, error)
	apply    func(next *settings) error // puts what was read again into force
	upgrades func() upgraded            // starts the program anew; nil where that is not possible
	reloads  func() reloaded            // does what the control socket asks for
	about    func() report              // of all processes; nil if this is the only one
	lookUp   resolver                   // of names that are announced; nil for the system's
	started  *settings                  // those of the start

	processors int // that Go may use; 0 for as many as it finds

	bans      *bans
	stateLock *os.File // nil for none
	audit     *auditor // nil for none

	socket      *controlSocket // nil for none
	stopControl func()
	startedAt   time.Time
	end         func() // has the server shut down
	draining    atomic.Bool
	retired     atomic.Bool // another process serves whoever connects
	reloading   sync.Mutex  // held by the only reload
	mu          sync.Mutex  // guards what a reload changes and the control socket reads: settings, leave, cert, last
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

// open takes hold of files, certificate and ports. Its error tells of all that
// can't be had. The daemon is to be closed in any case.
func (s *settings) open(ctx context.Context, log *slog.Logger, sup *supervisor, left *handover) (*daemon, error) {
	d := &daemon{settings: s, sup: sup, left: left, program: programPath(), started: s, startedAt: time.Now(), log: log, password: strings.ToLower(rand.Text()), leave: func() {}}
	d.last = d.readAgain()
	if left != nil {
		if s.runAs == "" {
			return d, fmt.Errorf("%s: a server that is split can't go on in one process; restart it", s.at("run-as"))
		}
		var err error
		if d.sup, err = left.supervisor(sup, d); err != nil {
			return d, err
		}
	}
	if s.runAs != "" {
		return d, errors.Join(canSplit(), s.canConfine(), s.checkDir(), d.hold(ctx))
	}
	d.homes = newHomes(ctx, log)
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

// hold takes hold of certificate and ports.
func (d *daemon) hold(ctx context.Context) error {
	var errs [7]error
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
	return errors.Join(errs[:]...)
}

// control takes the listener for control connections that the supervisor hands over, or opens one.
func (d *daemon) control(ctx context.Context, option, addr, usual string) (net.Listener, error) {
	if ln := d.sup.take(option, addr); ln != nil {
		return ln, nil
	}
	return d.listener(ctx, option, addr, usual)
}

// server makes the server of what is held.
func (d *daemon) server(users driver.Driver) *server.Server {
	var bounds server.Settings
	d.limits.into(&bounds)
	srv := &server.Server{
		Driver: users, TLS: d.cert.config, Passive: d.ports, SessionReuse: d.reuse,
		RequireCloseNotify: d.closeNotify, InsecurePlaintext: d.plaintext, Logger: d.log,
		SharedAddress: d.shared, NeverConvert: d.neverConvert, Disabled: d.disabled, AllowSymlink: d.symlink,
		Greeting: d.greeting, IdleTimeout: bounds.IdleTimeout, MaxSessions: bounds.MaxSessions,
		MaxSessionsPerAddress: bounds.MaxSessionsPerAddress, MaxLoginFailures: bounds.MaxLoginFailures, MaxLogins: mostLogins(),
		Hooks: d.hooks(), Intercept: d.intercept(),
	}
	if d.active {
		srv.Active = &server.Active{}
	}
	return srv
}

// makePorts makes the data ports.
func (d *daemon) makePorts() (err error) {
	if d.ports, err = passive.Range(d.passive); err != nil || d.announce == "" {
		return err
	}
	rules, err := d.rules(d.announce)
	if err == nil {
		d.ports.Announce = rules
	}
	return err
}

// rules reads what clients are told.
func (d *daemon) rules(text string) (passive.Rules, error) {
	rules, err := passive.ParseRules(text)
	for _, r := range rules {
		if name, ok := r.Announce.(*passive.Name); ok {
			name.Resolver = d.lookUp
		}
	}
	return rules, err
}

// openPorts makes the data ports and tries each once where clients will come
// in.
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
	if d.left != nil { // others are at work on the ports
		return d.ports.Validate()
	}
	d.ports.Listen = d.listenChecked
	err = d.ports.Check(ctx, addrs...)
	d.ports.Listen = nil
	if !d.canDoWith(err) {
		return withPortCures(err, defaults().passive)
	}
	if err != nil && len(addrs) > 1 { // otherwise the server will say it
		d.log.Error("some data ports cannot be used", "problem", err)
	}
	return nil
}

// listenedOn returns the addresses of listeners, or none when one of them listens
// on all.
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

// close gives everything back. It may be called at any stage.
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
	if d.cert != nil {
		d.cert.remove()
	}
	if d.bans != nil {
		d.bans.state.close()
	}
	d.stateLock.Close() // nothing to do for none
	d.audit.shut()
}

// serve serves until it is asked to end or a listener fails.
func (d *daemon) serve(until endings, stderr io.Writer) error {
	ctx := until.drain
	if d.homes != nil {
		d.keepSwept(ctx)
	}
	d.stopControl = sync.OnceFunc(d.startControl())
	defer d.stopControl()
	ended := make(chan error, 2)
	if d.explicit != nil {
		go func() { ended <- d.srv.Serve(d.guard(d.explicit)) }()
	}
	if d.implicit != nil {
		go func() { ended <- d.srv.ServeTLS(d.guard(d.implicit)) }()
	}
	go tidy(ctx)
	go fewThreads(ctx, d.processors)
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

// shutdown lets transfers finish, for the time given and until cut ends.
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
