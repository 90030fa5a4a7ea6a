package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/tls"
)

// takeOverVariable is the environment variable that tells a keeper to take over from another program in the same
// process, or to try whether it could.
const takeOverVariable = "SALLYPORT_TAKE_OVER"

// Prefixes of the variable's value. Behind toTakeOver comes the number of a descriptor, behind toTry a handover as
// JSON.
const (
	toTakeOver = "descriptor "
	toTry      = "try "
)

// takeOverVersion is the version of handover. A program takes over only from programs of the same version.
const takeOverVersion = 2

// handover is what a keeper leaves to the program that is executed in the same process.
type handover struct {
	Version   int
	Started   time.Time
	Password  string
	Listeners []leftListener
	Control   leftControl
	Made      [][]byte // the certificate made for this run and its key; empty if it comes from a file
	Log       []int    // both ends of the pipe that parts write their log to; empty if that is standard error
	Engines   []leftEngine

	trial bool
}

// leftListener is a listener with its name, as a supervisor hands it over. In a trial only Name and Addr are set.
type leftListener struct {
	Name, Addr string
	FD         int
}

type leftControl struct {
	Path string
	FD   int // 0 for none
}

// leftPart is a process and the socket to it.
type leftPart struct {
	PID, FD int
	Last    uint64
	Held    []leftMessage
}

type leftMessage struct {
	Bytes []byte
	FD    int // 0 for none
}

type leftEngine struct {
	leftPart
	Retired  time.Time
	LastHand uint64
	Hands    []leftHand
}

type leftHand struct {
	leftPart
	ID, Sessions uint64
	Dir, As      string
	Folders      string // see foldersOf
	Uploads      string
	Umask        fs.FileMode
	Umasked      bool // Umask holds
	Quota        int64
	Limited      bool   // Quota holds
	Check        string // the check of uploads
	UID, GID     int
	Groups       []int
	NoMoreLogins bool
}

// leftBehind returns what another program has left to this one, nil if there was none.
func leftBehind() (*handover, error) {
	text, ok := os.LookupEnv(takeOverVariable)
	if !ok {
		return nil, nil
	}
	os.Unsetenv(takeOverVariable)
	h := &handover{}
	if told, ok := strings.CutPrefix(text, toTry); ok {
		h.trial = true
		if err := json.Unmarshal([]byte(told), h); err != nil {
			return nil, fmt.Errorf("%s: %w", takeOverVariable, err)
		}
	} else {
		fd, err := strconv.Atoi(strings.TrimPrefix(text, toTakeOver))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", takeOverVariable, err)
		}
		if err := unpack(os.NewFile(uintptr(fd), "handover"), h); err != nil {
			return nil, fmt.Errorf("%s: %w", takeOverVariable, err)
		}
	}
	if h.Version != takeOverVersion {
		return nil, fmt.Errorf("the server that runs can't be upgraded to this program, which knows another way to take over (%d, and not %d); restart it", takeOverVersion, h.Version)
	}
	return h, nil
}

// certificate returns the certificate that was made for this run; nil if there is none, or if the options now name one.
func (h *handover) certificate(s *settings, log *slog.Logger) (*certificate, error) {
	if len(h.Made) != 2 || s.cert != "" {
		return nil, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(h.Made[1])
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(h.Made[0])
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: h.Made[:1], PrivateKey: key, Leaf: leaf}}, MinVersion: tls.VersionTLS12}
	return s.askingClients(s.shownCertificate(config, log))
}

// leave returns a certificate made for this run and its key, for the next program; nil for a certificate from a file.
func (c *certificate) leave() ([][]byte, error) {
	if !c.made() {
		return nil, nil
	}
	made := c.config.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	return [][]byte{made.Certificate[0], key}, err
}

// isTrial reports whether this program only tries to take over, while the other one goes on.
func (h *handover) isTrial() bool { return h != nil && h.trial }

// supervisor returns s, or a new supervisor, which hands over the listeners that were left besides its own.
func (h *handover) supervisor(s *supervisor, d *daemon) (*supervisor, error) {
	if s == nil {
		s = &supervisor{log: d.log}
	}
	if h.trial {
		s.socket, s.watchdog = "", 0
	}
	for _, l := range h.Listeners {
		got := &handed{name: l.Name, number: l.FD}
		var err error
		if h.trial {
			got.Listener, err = standIn(l.Addr)
		} else {
			got.Listener, err = handedListener(l.FD)
		}
		if err != nil {
			return nil, err
		}
		s.handed = append(s.handed, got)
	}
	return s, nil
}

// standIn returns a listener for a trial. It listens elsewhere but names addr as its address.
func standIn(addr string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &standInListener{ln.(*net.TCPListener), net.TCPAddrFromAddrPort(at)}, nil
}

type standInListener struct {
	*net.TCPListener
	at net.Addr
}

func (l *standInListener) Addr() net.Addr { return l.at }

// control takes the control socket over. It returns false if the options name another path.
func (h *handover) control(d *daemon, path string, group int) (bool, error) {
	if h.trial {
		return true, nil
	}
	if h.Control.FD == 0 {
		return false, nil
	}
	unix.CloseOnExec(h.Control.FD)
	ln, err := listenerOf(os.NewFile(uintptr(h.Control.FD), "control"))
	if err != nil {
		return false, err
	}
	made, err := os.Lstat(h.Control.Path)
	if err != nil || h.Control.Path != path {
		ln.Close()
		if err == nil {
			os.Remove(h.Control.Path)
		}
		return false, nil
	}
	d.socket = &controlSocket{ln, path, group, made, isMember}
	return true, nil
}

// adopt takes over the parts of the earlier program.
func (k *keeper) adopt(h *handover) error {
	for _, left := range h.Engines {
		e := k.newEngine()
		e.retired = left.Retired
		for _, l := range left.Hands {
			at := place{dir: l.Dir, uploads: uploads(l.Uploads), umask: umask{l.Umask, l.Umasked}, quota: quota{l.Quota, l.Limited}, as: l.As, check: l.Check, folders: l.Folders}
			hand := &handProcess{id: l.ID, at: at, as: identity{l.UID, l.GID, l.Groups}, begun: make(chan struct{}), sessions: int(l.Sessions)}
			p, err := l.adopt(e.hands.answerHand(hand))
			if err != nil {
				return err
			}
			hand.process = p
			close(hand.begun)
			e.hands.all[l.ID] = hand
			if !l.NoMoreLogins {
				e.hands.place[at] = hand
			}
			if hand.sessions == 0 {
				hand.idle = time.AfterFunc(handIdle, func() { e.hands.expire(hand) })
			}
			go e.hands.watch(hand, p)
		}
		e.hands.last = left.LastHand
		p, err := left.adopt(e.answer)
		if err != nil {
			return err
		}
		e.Process = p
		k.engines = append(k.engines, e)
		close(e.started)
		go k.watchOlder(e)
		if !e.retired.IsZero() {
			go k.limitEngine(e)
		}
	}
	return nil
}

func (l *leftPart) adopt(answer channel.Answer) (*part.Process, error) {
	at := &channel.Detached{File: os.NewFile(uintptr(l.FD), "channel"), Last: l.Last}
	unix.CloseOnExec(l.FD)
	for _, m := range l.Held {
		got := channel.Message{Bytes: m.Bytes}
		if m.FD != 0 {
			unix.CloseOnExec(m.FD)
			got.File = os.NewFile(uintptr(m.FD), "file of another process")
		}
		at.Held = append(at.Held, got)
	}
	return part.Adopt(l.PID, at, answer)
}

// try finds out whether this program could take over, and prints its version if it could.
func (k *keeper) try(failed <-chan error, facts io.Writer) error {
	select {
	case <-k.ready:
		_, err := fmt.Fprintln(facts, version())
		return err
	case err := <-failed:
		return err
	case <-time.After(engineGrace):
		return errors.New("the engine does not begin to serve")
	}
}

// upgrade has the program started anew if a trial says that it can take over.
func (k *keeper) upgrade(ctx context.Context) (u upgraded) {
	if !k.upgrading.CompareAndSwap(false, true) {
		return upgraded{Problem: "another upgrade is under way"}
	}
	k.mu.Lock()
	k.failed = ""
	k.mu.Unlock()
	for _, e := range k.allEngines() {
		for _, h := range e.hands.every() {
			if h.at.session != "" {
				k.upgrading.Store(false)
				return upgraded{Problem: pamSessions(h.at.session).Error()}
			}
		}
	}
	u.Version, u.Problem = k.trial(ctx)
	if u.Problem != "" {
		k.upgrading.Store(false)
		k.log.Error("the program can't take over, and all stays as it is", "problem", u.Problem)
		return u
	}
	go k.replace()
	return u
}

// mostSaid bounds how much of the output of a program that can't take over is reported, in bytes.
const mostSaid = 4 << 10

// trial starts the program to find out whether it could take over.
func (k *keeper) trial(ctx context.Context) (version, problem string) {
	told := handover{Version: takeOverVersion}
	for _, l := range k.namedListeners() {
		told.Listeners = append(told.Listeners, leftListener{Name: l.name, Addr: l.Addr().String()})
	}
	text, err := json.Marshal(told)
	if err != nil {
		return "", err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, upgradePatience-usualPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, k.program, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), takeOverVariable+"="+toTry+string(text))
	cmd.Cancel = func() error { return cmd.Process.Kill() }
	cmd.WaitDelay = time.Second
	var said, wrong bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &wrong
	if err := cmd.Run(); err != nil {
		text := wrong.String()
		text = strings.TrimSpace(text[max(0, len(text)-mostSaid):])
		if text == "" {
			text = "it says nothing"
		}
		return "", fmt.Sprintf("%s: %v: %s", k.program, err, text)
	}
	version = strings.TrimSpace(said.String())
	if version == "" || strings.ContainsAny(version, "\n ") {
		return "", fmt.Sprintf("%s is no program that can take over", k.program)
	}
	return version, ""
}

// replace executes the program anew in this process. Questions between parts that are under way are answered first, or
// by the next program.
func (k *keeper) replace() {
	err := k.leave()
	k.upgrading.Store(false)
	if err == nil {
		return
	}
	k.mu.Lock()
	k.failed = err.Error()
	k.mu.Unlock()
	k.log.Error("the upgrade came to nothing, and all stays as it is", "err", err)
}

// pausing bounds how long an upgrade waits for questions that are under way.
const pausing = 20 * time.Second

// leave executes the program anew. It returns only if that fails.
func (k *keeper) leave() error {
	k.reloading.Lock()
	defer k.reloading.Unlock()
	k.quiet.Lock()
	defer k.quiet.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), pausing)
	defer cancel()
	left := &leaving{k: k, handover: handover{Version: takeOverVersion, Started: k.startedAt, Password: k.password}}
	defer left.undo()
	if err := left.pause(ctx); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("a process is busy for too long: %w", err)
		}
		return err
	}
	if err := left.gather(); err != nil {
		return err
	}
	f, err := packed(left.handover)
	if err != nil {
		return err
	}
	fd, err := left.keep(f)
	if err != nil {
		return err
	}
	k.log.Info("the program is executed anew", "program", k.program)
	k.out.queue.Written(time.Second)
	if k.bans != nil && k.bans.state != nil {
		k.bans.state.save()
	}
	env := append(os.Environ(), takeOverVariable+"="+toTakeOver+strconv.Itoa(fd))
	return k.starter.Replace(k.program, os.Args, env, left.fds)
}

// leaving collects the handover to the next program.
type leaving struct {
	handover
	k      *keeper
	paused []*channel.Peer
	files  []*os.File
	fds    []int
}

// undo lets the parts go on as before.
func (l *leaving) undo() {
	for _, p := range l.paused {
		p.Resume()
	}
	for _, f := range l.files {
		f.Close()
	}
}

// pause keeps parts from asking anything new, and waits until all questions are answered.
func (l *leaving) pause(ctx context.Context) error {
	for _, e := range l.k.allEngines() {
		l.paused = append(l.paused, e.Peer)
		if err := e.Pause(ctx); err != nil {
			return err
		}
	}
	for _, e := range l.k.allEngines() {
		if err := e.hands.settled(ctx); err != nil {
			return err
		}
		for _, h := range e.hands.every() {
			if h.process == nil {
				continue // the hand has failed to begin
			}
			if h.at.session != "" {
				return pamSessions(h.at.session)
			}
			l.paused = append(l.paused, h.process.Peer)
			if err := h.process.Pause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// pamSessions returns why a server can't be upgraded while PAM has a session open for a user: only the process that has
// opened the session can close it.
func pamSessions(user string) error {
	return fmt.Errorf("PAM has opened a session for user %q, which another program can't close; restart the server, or upgrade when no user of PAM is logged in", user)
}

// keep passes a descriptor on to the next program, and returns its number. undo closes it.
func (l *leaving) keep(f *os.File) (fd int, err error) {
	l.files = append(l.files, f)
	return l.number(f)
}

// number passes a descriptor on to the next program, and returns its number. It stays open here.
func (l *leaving) number(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(n uintptr) { fd = int(n) })
	l.fds = append(l.fds, fd)
	return fd, err
}

// gather fills the handover.
func (l *leaving) gather() error {
	for _, ln := range l.k.namedListeners() {
		f, err := descriptorOf(ln.Listener)
		if err != nil {
			return err
		}
		fd, err := l.keep(f)
		if err != nil {
			return err
		}
		l.Listeners = append(l.Listeners, leftListener{Name: ln.name, Addr: ln.Addr().String(), FD: fd})
	}
	if s := l.k.socket; s != nil {
		f, err := descriptorOf(s.Listener)
		if err != nil {
			return err
		}
		if l.Control.FD, err = l.keep(f); err != nil {
			return err
		}
		l.Control.Path = s.path
	}
	for _, f := range l.k.logPipe {
		fd, err := l.number(f)
		if err != nil {
			return err
		}
		l.Log = append(l.Log, fd)
	}
	var err error
	if l.Made, err = l.k.cert.leave(); err != nil {
		return err
	}
	for _, e := range l.k.allEngines() {
		if err := l.engine(e); err != nil {
			return err
		}
	}
	return nil
}

func (l *leaving) engine(e *engineProcess) error {
	p, err := l.part(e.Process)
	if err != nil {
		return err
	}
	l.k.mu.Lock()
	left := leftEngine{leftPart: p, Retired: e.retired}
	l.k.mu.Unlock()
	e.hands.mu.Lock()
	defer e.hands.mu.Unlock()
	left.LastHand = e.hands.last
	for _, h := range e.hands.all {
		if h.process == nil {
			continue // the hand has failed to begin
		}
		p, err := l.part(h.process)
		if errors.Is(err, channel.ErrGone) {
			continue // the hand is ending
		}
		if err != nil {
			return err
		}
		left.Hands = append(left.Hands, leftHand{
			leftPart: p, ID: h.id, Sessions: uint64(h.sessions), Dir: h.at.dir, Folders: h.at.folders, As: h.at.as, Uploads: string(h.at.uploads), Umask: h.at.umask.bits, Umasked: h.at.umask.set,
			Quota: h.at.quota.bytes, Limited: h.at.quota.set, Check: h.at.check, UID: h.as.uid, GID: h.as.gid, Groups: h.as.groups, NoMoreLogins: e.hands.place[h.at] != h,
		})
	}
	l.Engines = append(l.Engines, left)
	return nil
}

func (l *leaving) part(p *part.Process) (left leftPart, err error) {
	if !slices.Contains(l.paused, p.Peer) {
		l.paused = append(l.paused, p.Peer)
	}
	d, err := p.Detach()
	if err != nil {
		return left, err
	}
	left = leftPart{PID: p.PID, Last: d.Last}
	if left.FD, err = l.keep(d.File); err != nil {
		return left, err
	}
	for _, m := range d.Held {
		kept := leftMessage{Bytes: m.Bytes}
		if m.File != nil {
			if kept.FD, err = l.number(m.File); err != nil {
				return left, err
			}
		}
		left.Held = append(left.Held, kept)
	}
	return left, nil
}

// namedListeners returns the listeners for another program, by the names that a supervisor would hand them over with.
func (d *daemon) namedListeners() (all []*handed) {
	add := func(ln net.Listener, name string) {
		if ln == nil {
			return
		}
		if h := d.sup.find(ln); h != nil {
			name = h.name
		}
		all = append(all, &handed{Listener: ln, name: name})
	}
	add(d.explicit, keptPrefix+"listen")
	add(d.implicit, keptPrefix+"listen-implicit")
	for _, ln := range d.held {
		add(ln, keptData)
	}
	return all
}

// programPath returns the path by which this program was started. Later another program may be there.
func programPath() string {
	path := os.Args[0]
	if !strings.Contains(path, "/") {
		if found, err := exec.LookPath(path); err == nil {
			path = found
		}
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if _, err := os.Stat(path); err != nil { // Args[0] may be made up
		if exe, err := os.Executable(); err == nil {
			return exe
		}
	}
	return path
}
