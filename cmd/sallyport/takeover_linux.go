package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
)

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
	k.number = max(h.Number, uint64(len(h.Engines))) // programs of before don't count their engines
	if k.bans.state == nil {                         // with a state directory they were read from there
		k.bans.restore(h.Bans)
	}
	k.tickets.adopt(h.Tickets, h.Renewed)
	k.usages.adopt(h.Usages)
	for _, left := range h.Engines {
		e := k.newEngine()
		e.retired = left.Retired
		for _, l := range left.Hands {
			at := place{dir: l.Dir, uploads: uploads(l.Uploads), umask: umask{l.Umask, l.Umasked}, rules: l.Rules, quota: quota{l.Quota, l.Limited}, as: l.As, check: l.Check, folders: l.Folders, store: l.Store, session: l.Session}
			hand := &handProcess{id: l.ID, at: at, as: identity{l.UID, l.GID, l.Groups}, begun: make(chan struct{}), sessions: int(l.Sessions), counts: l.Counts}
			k.usages.stay(hand)
			p, err := l.adopt(k.starter, e.hands.answerHand(hand))
			if err != nil {
				return err
			}
			if hand.session, err = l.PAM.adopt(l.Session, k.log); err != nil {
				return err
			}
			hand.process = p
			go hand.session.closeAfter(p)
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
		p, err := left.adopt(k.starter, e.answer)
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
	k.starter.Await(h.Parts)
	return nil
}

func (l *leftPart) adopt(starter *part.Starter, answer channel.Answer) (*part.Process, error) {
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
	return starter.Adopt(l.PID, at, answer)
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
