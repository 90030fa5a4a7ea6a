package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/lending"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/signer"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/tls"
)

// engine is the process that clients connect to. It has network connections, but neither files, keys nor passwords.
type engine struct {
	*daemon
	keeper  *channel.Peer
	signer  signer.Client
	hands   engineHands
	judged  sync.Map      // contexts of logins that the keeper judges, by session
	table   lending.Table // leases of the newest engine, for an engine that is not the newest
	joint   lending.Joint // the TLS tickets of all engines
	askable atomic.Bool   // there are other engines, and all have answered when they were asked last
	met     chan struct{} // is full when this engine has heard of another
	begun   chan struct{} // is closed when open has set everything up

	drainNow, cutNow context.CancelFunc

	updating sync.Mutex // is held while settings are changed
}

// runEngine runs the engine until the keeper tells it to end.
func runEngine(processors int) error {
	level := new(slog.LevelVar)
	log, lines := partLog(partEngine, level)
	defer lines.Close(logGrace)
	drain, drainNow := context.WithCancel(context.Background())
	cut, cutNow := context.WithCancel(context.Background())
	e := &engine{daemon: &daemon{log: log, level: level, leave: func() {}, processors: processors}, begun: make(chan struct{}), drainNow: drainNow, cutNow: cutNow}
	e.hands.e, e.joint.Table = e, &e.table
	e.siblings, e.met = &e.joint, make(chan struct{}, 1)
	var err error
	if e.keeper, err = part.Keeper(e.answer); err != nil {
		return err
	}
	go func() {
		<-e.keeper.Done()
		os.Exit(statusFailed)
	}()
	if err := e.open(); err != nil {
		return err
	}
	close(e.begun)
	if err := e.keeper.Ask(drain, usualPatience, askReady, nil, nil, nil); err != nil {
		return err
	}
	e.awaitCount(drain)
	e.end = func() { e.tell(askEnd) }
	err = e.serve(endings{drain, cut}, partWords(log, lines))
	e.bans.state.close()
	e.audit.shut()
	e.vsftpd.close()
	if err == errCut {
		return exitStatus(statusFailed) // the keeper reports the failure
	}
	return err
}

// tell sends the keeper a message whose answer holds nothing.
func (e *engine) tell(op byte) error {
	return e.keeper.Ask(context.Background(), usualPatience, op, nil, nil, nil)
}

// fetch asks the keeper a question and returns the value of the answer.
func fetch[T any](e *engine, op byte) (to T, err error) {
	err = e.keeper.Ask(context.Background(), usualPatience, op, nil, nil, func(_ *channel.Reader, f *os.File) error { return unpack(f, &to) })
	return to, err
}

// open gets settings, listeners and the certificate from the keeper, and sets the server up.
func (e *engine) open() error {
	told, err := fetch[engineSettings](e, askSettings)
	if err != nil {
		return err
	}
	e.settings = told.settings()
	e.started = e.settings
	e.level.Set(told.Level)
	e.hangup = &hangup{rereads: told.Configured}
	if e.activePort != 0 {
		e.dialClient = e.dialFromSource
	}
	e.reloads, e.about, e.lookUp, e.upgrades, e.elsewhere = e.reload, e.report, e.askAddrs, e.upgrade, e.askOthers
	e.daemon.engine, e.sessionPrefix = os.Getpid(), prefixOf(told.Number)
	if e.cert, err = e.certificate(&told); err != nil {
		return err
	}
	for name, to := range map[string]*net.Listener{"explicit": &e.explicit, "implicit": &e.daemon.implicit} {
		if *to, err = e.listener(name); err != nil {
			return err
		}
	}
	if told.ControlPath != "" {
		ln, err := e.listener("control")
		if err != nil {
			return err
		}
		e.socket = &controlSocket{Listener: ln, path: told.ControlPath, group: told.ControlGroup, isMember: e.askIsMember}
	}
	if err := errors.Join(e.makePorts(), e.openBans()); err != nil {
		return err
	}
	e.openAudit(told.AuditFormat)
	e.openVsftpdLogs()
	e.behindProxies(e.listenData)
	e.srv = e.server(e)
	e.srv.Recount = e.recount
	if err := e.srv.Validate(); err != nil {
		return err
	}
	return e.fetchTicketKeys()
}

// prefixOf returns what IDs of sessions begin with in the engine with a number, so that no other engine has the same.
// The first engine has none.
func prefixOf(number uint64) string {
	if number <= 1 {
		return ""
	}
	return strconv.FormatUint(number, 10) + "-"
}

// listener gets a listener from the keeper; nil if the server has none of that name.
func (e *engine) listener(name string) (ln net.Listener, err error) {
	err = e.keeper.Ask(context.Background(), usualPatience, askFile, func(w *channel.Writer) { w.String(name) }, nil, func(_ *channel.Reader, f *os.File) (err error) {
		if f != nil {
			ln, err = listenerOf(f)
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("the %s listener: %w", name, err)
	}
	return ln, err
}

// listenData has the keeper open a data port. Ports that the keeper holds open are shared. A ctx that can't end marks
// a trial whether the port can be opened, for which the keeper waits for nobody.
func (e *engine) listenData(ctx context.Context, network, address string) (ln net.Listener, err error) {
	held := false
	err = e.keeper.Ask(ctx, leaseEnds+usualPatience, askPort, func(w *channel.Writer) { w.String(network); w.String(address); w.Bool(ctx.Done() != nil) }, nil, func(r *channel.Reader, f *os.File) (err error) {
		if f == nil {
			return channel.ErrMessage
		}
		held = r.Bool()
		ln, err = listenerOf(f)
		return err
	})
	if err != nil || !held {
		return ln, err
	}
	return e.inUse.listen(ln, address)
}

// listenerOf makes a listener of a descriptor, which may be that of one connection, and closes the file.
func listenerOf(f *os.File) (net.Listener, error) {
	return inetdListener(f)
}

// askAddrs has the addresses of a name looked up by way of the keeper.
func (e *engine) askAddrs(ctx context.Context, _, name string) (addrs []netip.Addr, err error) {
	err = e.keeper.Ask(ctx, loginPatience, askLookUp, func(w *channel.Writer) { w.String(name) }, nil, func(r *channel.Reader, _ *os.File) (err error) {
		addrs, err = channel.ReadAddrs(r)
		return err
	})
	return addrs, err
}

// askIsMember asks the keeper whether a user is in the group of the control socket.
func (e *engine) askIsMember(uid, _ int) (is bool) {
	err := e.keeper.Ask(context.Background(), usualPatience, askMember, func(w *channel.Writer) { w.Uint(uint64(uid)) }, nil, func(r *channel.Reader, _ *os.File) error {
		is = r.Bool()
		return nil
	})
	return is && err == nil
}

// certificate returns the certificate that clients are shown. The engine has its chain, and the signer has its key.
func (e *engine) certificate(told *engineSettings) (*certificate, error) {
	if len(told.Chain) == 0 {
		return nil, errors.New("there is no certificate")
	}
	leaf, err := x509.ParseCertificate(told.Chain[0])
	if err != nil {
		return nil, err
	}
	key, err := e.signer.Signer(leaf.PublicKey)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: told.Chain, PrivateKey: key, Leaf: leaf}}, MinVersion: tls.VersionTLS12}
	if told.ClientCA != nil {
		config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		config.ClientCAs.AppendCertsFromPEM(told.ClientCA)
	}
	return &certificate{config: config, remove: func() {}}, nil
}

// answer answers the questions of the keeper.
func (e *engine) answer(c *channel.Call, w *channel.Writer) (*os.File, error) {
	f := c.File
	c.File = nil
	switch c.Op {
	case tellSigner:
		if f == nil {
			return nil, channel.ErrMessage
		}
		return nil, e.signer.Use(f)
	case tellHand:
		return nil, e.hands.add(c.Uint(), c.Bool(), f)
	case tellUsage:
		return nil, e.hands.count(c.Uint(), int(c.Uint()), f)
	case tellRetired:
		e.hands.retire(c.Uint())
		return nil, nil
	case tellSettings:
		return nil, e.follow(f)
	case tellLend:
		<-e.begun
		if f == nil {
			return nil, channel.ErrMessage
		}
		e.meet()
		return nil, lending.Serve(f, e.ports, &e.joint)
	case tellBorrow:
		<-e.begun
		if f == nil {
			return nil, channel.ErrMessage
		}
		return nil, e.borrow(f)
	case tellUses:
		w.Bool(e.inUse.uses(c.String()))
		return nil, nil
	case tellTicketKeys:
		keys, err := readTicketKeys(c.Reader)
		if err != nil {
			return nil, err
		}
		<-e.begun
		return nil, e.srv.SetTicketKeys(keys)
	case tellOther:
		return e.answerOther(c.Ctx, f)
	case tellPing:
		select {
		case <-e.begun: // what takes no locks for good can say that
			e.counts()
			e.ports.Stats()
		default:
		}
		return nil, nil
	case tellWaits:
		if ctx, ok := e.judged.Load(c.String()); ok {
			driver.LoginWaits(ctx.(context.Context))
		}
		return nil, nil
	case tellDrain:
		<-e.begun
		e.drainNow()
		return nil, nil
	case tellCut:
		e.cutNow()
		return nil, nil
	}
	if f != nil {
		f.Close()
	}
	return nil, errors.ErrUnsupported
}

// follow puts other settings into force if they are right.
func (e *engine) follow(f *os.File) error {
	var told engineSettings
	if err := unpack(f, &told); err != nil {
		return err
	}
	<-e.begun
	e.updating.Lock()
	defer e.updating.Unlock()
	next := told.settings()
	cert, err := e.certificate(&told)
	if err != nil {
		return err
	}
	announce, err := e.announcer(next)
	if err == nil {
		err = e.update(next, e, cert, announce)
	}
	if err == nil {
		e.use(next, cert, func() {})
	}
	return err
}

// reload has the keeper read the configuration again.
func (e *engine) reload() reloaded {
	r, err := fetch[reloaded](e, askReload)
	if err != nil {
		r.Mistakes = append(r.Mistakes, err.Error())
	}
	return r
}

// report asks the keeper about the processes of the server.
func (e *engine) report() report {
	r, err := fetch[report](e, askReport)
	if err != nil {
		e.log.Warn("the keeper doesn't say how the processes are", "err", err)
	}
	if len(r.Processes) == 0 {
		r.Processes = []systemProcess{{Part: partEngine, PID: os.Getpid(), UID: os.Geteuid()}}
	}
	return r
}

// upgrade has the keeper start the program anew.
func (e *engine) upgrade() (u upgraded) {
	err := e.keeper.Ask(context.Background(), upgradePatience, askUpgrade, nil, nil, func(_ *channel.Reader, f *os.File) error { return unpack(f, &u) })
	if err != nil {
		u.Problem = err.Error()
	}
	return u
}

// sessionsEvery is how often an engine that is not the newest checks whether all its sessions are over.
const sessionsEvery = 200 * time.Millisecond

// borrow has the newest engine make the leases of this one from now on. New clients connect to the newest engine, and
// this one ends with the last of its sessions.
func (e *engine) borrow(f *os.File) error {
	if err := e.table.Use(f); err != nil {
		return err
	}
	e.ports.Follow(&e.table)
	e.inUse.release()
	e.meet()
	if e.retired.Swap(true) {
		return nil
	}
	for _, ln := range []net.Listener{e.explicit, e.daemon.implicit} {
		if ln != nil {
			ln.Close()
		}
	}
	e.bans.handOver()
	go func() {
		e.stopControl() // may wait for the request that has led here
		for all, _ := e.counts(); all > 0; all, _ = e.counts() {
			time.Sleep(sessionsEvery)
		}
		e.drainNow()
	}()
	return nil
}
