package server

import (
	"context"
	"errors"
	"time"
)

// stop closes the listeners, and then tells every session to end when it is idle.
// In this order a client that hears 421 and connects again is not accepted.
func (srv *Server) stop() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.init()
	first := !srv.stopped
	srv.stopped = true
	for ln := range srv.listeners {
		ln.Close()
	}
	if first {
		close(srv.draining)
	}
	for s := range srv.sessions {
		s.waiter.wake()
	}
}

func (srv *Server) isDraining() bool {
	select {
	case <-srv.draining:
		return true
	default:
		return false
	}
}

// Shutdown stops accepting, answers 421 to idle sessions and ends them, and lets
// running transfers and commands finish. Nothing else that a client does holds
// Shutdown up: a client that has not logged in, takes no replies, or whose transfer
// gets no data connection or not its first byte, is cut after two seconds or so. If
// ctx ends first, Shutdown cuts what is left as Close does, and returns the error
// of ctx; a driver that does not return then delays Shutdown by a second at most.
// After Shutdown the server can't serve again.
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.stop()
	done := srv.drained()
	again := time.NewTicker(silence)
	defer again.Stop()
	for silent := srv.silentSessions(); ; {
		select {
		case <-done:
			srv.closeRest()
			return nil
		case <-again.C:
			silent = srv.cutStill(silent)
		case <-ctx.Done():
			srv.closeWithin(time.Second)
			return ctx.Err()
		}
	}
}

// silence is how long a session may hold up Shutdown without doing anything.
const silence = 2 * time.Second

// silentSessions returns the sessions that do nothing for their client, with the
// number of commands that each has begun so far.
func (srv *Server) silentSessions() map[*session]uint64 {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	all := make(map[*session]uint64)
	for s := range srv.sessions {
		if commands, silent := s.isSilent(); silent {
			all[s] = commands
		}
	}
	return all
}

// cutStill cuts the sessions that were silent before and have done nothing since.
// It returns the sessions that are silent now.
func (srv *Server) cutStill(before map[*session]uint64) map[*session]uint64 {
	now := srv.silentSessions()
	for s, commands := range now {
		if last, was := before[s]; was && last == commands {
			s.cut(errServerClosing)
		}
	}
	return now
}

// isSilent reports whether a session only waits for the client: for the handshake,
// the login or a command, for a reply to be taken, or for a transfer to begin.
func (s *session) isSilent() (commands uint64, silent bool) {
	return s.visible.isSilent(s.ctl.replies.isWriting())
}

// isIdle reports whether a transfer has yet to begin and waits for the client: to
// come to the data port, to shake hands, or to send the first byte of an upload.
func (t *transfer) isIdle() bool {
	if t.local {
		return false
	}
	return !t.opened.Load() || t.upload && t.bytes.Load() == 0 && t.ended.Load() == 0
}

// drained returns a channel that is closed when the last session has ended, and
// what the sessions sent has arrived or was given up.
func (srv *Server) drained() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		srv.running.Wait()
		<-srv.drains.wait()
		close(done)
	}()
	return done
}

// closeGrace is how long Close waits for sessions to close their files. A driver
// that ignores its context may take longer; Close then does not wait for the
// driver.
const closeGrace = 5 * time.Second

// Close ends everything at once: listeners, sessions, transfers, data ports.
// Uploads under way are cut. It returns when the sessions have closed their
// files, or after five seconds if a driver does not return. Its error is
// always nil.
func (srv *Server) Close() error {
	srv.closeWithin(closeGrace)
	return nil
}

// closeWithin closes as Close does, and waits for drivers no longer than grace.
func (srv *Server) closeWithin(grace time.Duration) {
	srv.stop()
	srv.mu.Lock()
	for s := range srv.sessions {
		s.cut(errServerClosing)
	}
	srv.mu.Unlock()
	srv.closeRest()

	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-srv.drained():
	case <-t.C:
		srv.log.Error("closed while a driver still holds a session")
	}
}

// closeRest closes what the server made for its sessions to share. Passive is left
// to whoever made it, since other servers may use the same ports.
func (srv *Server) closeRest() {
	srv.mu.Lock()
	ports := srv.ports
	srv.mu.Unlock()
	if ports != nil && srv.Passive == nil {
		ports.Close()
	}
	srv.idle.close()
	srv.drains.close()
}

var errServerClosing = errors.New("server: shutting down")
