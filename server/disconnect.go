package server

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// ErrDisconnected is the reason, wrapped with the words of the caller, for which a
// session ends and its transfer fails after [Server.Disconnect].
var ErrDisconnected = errors.New("server: disconnected")

// ErrNoSession is returned by [Server.Disconnect] for a session that is not there.
var ErrNoSession = errors.New("server: no such session")

// disconnection is the cause of a session's end by Disconnect.
type disconnection struct{ reason string }

func (d *disconnection) Error() string {
	if d.reason == "" {
		return ErrDisconnected.Error()
	}
	return ErrDisconnected.Error() + ": " + printable(d.reason)
}

// Is has errors.Is find ErrDisconnected in the cause.
func (d *disconnection) Is(target error) bool { return target == ErrDisconnected }

// text returns what the client is told.
func (d *disconnection) text() string {
	if d.reason == "" {
		return "Closing the control connection."
	}
	return d.reason
}

// Disconnect ends the session with the ID that a SessionInfo or a [driver.Login]
// tells. The client gets 421 (RFC 959, section 4.2.2) with the reason, or with a
// sentence of the server's if reason is empty. An idle session hears 421 at once. A
// transfer is cut as by ABOR and answered with 426 before that; an upload is not
// committed. The context of a call of the driver ends. A client that takes no reply,
// or whose TLS handshake goes on, is cut after 2 seconds.
//
// Disconnect returns when the session is gone: its files are closed, Hooks.Disconnect
// has heard of ErrDisconnected, and Sessions no longer lists it. A driver that does
// not return from a call keeps its session for as long, or for 5 seconds in a
// transfer. When ctx ends first the error is that of ctx, and the session ends all
// the same. ErrNoSession means that no session has the ID.
//
// A hook, a driver or another function that the server has called can't wait for
// itself. Disconnect returns at once when such a function calls it, and the session
// ends by itself; the session of the function does so when the function has returned.
// A function that has another goroutine call Disconnect, and waits for that goroutine,
// waits until ctx ends, unless ctx is the context that the function was given.
//
// Disconnect may be called concurrently. To keep a user from coming back, have the
// Driver refuse the user before.
func (srv *Server) Disconnect(ctx context.Context, id, reason string) error {
	n, err := srv.DisconnectFunc(ctx, func(i SessionInfo) bool { return i.ID == id }, reason)
	if n == 0 {
		return ErrNoSession
	}
	return err
}

// DisconnectFunc ends all sessions for which match returns true, such as those of one
// user, as Disconnect ends one. It returns the number of these sessions, and the error
// of ctx if ctx ended before they were gone. match is called in the caller's
// goroutine, once for each session, and must not be nil.
func (srv *Server) DisconnectFunc(ctx context.Context, match func(SessionInfo) bool, reason string) (n int, err error) {
	var gone []<-chan struct{}
	for _, s := range srv.list() {
		if !match(s.info()) {
			continue
		}
		if over := srv.awaitEnd(s); over != nil {
			s.disconnect(&disconnection{reason})
			gone = append(gone, over)
		}
	}
	if _, own := ctx.Value(sessionKey{}).(*session); own || calledByServer() {
		return len(gone), nil
	}
	for _, over := range gone {
		select {
		case <-over:
		case <-ctx.Done():
			return len(gone), ctx.Err()
		}
	}
	return len(gone), nil
}

// awaitEnd returns a channel that is closed when the session is gone, or nil if the
// session is gone already.
func (srv *Server) awaitEnd(s *session) <-chan struct{} {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if _, live := srv.sessions[s]; !live {
		return nil
	}
	if s.over == nil {
		s.over = make(chan struct{})
	}
	return s.over
}

// disconnect tells the session to end. After a while it cuts a client that takes no
// reply or has yet to finish a handshake.
func (s *session) disconnect(why *disconnection) {
	s.stop(why)
	s.waiter.wake()
	time.AfterFunc(silence, func() { s.cut(why) })
}

// sayDisconnected sends the client 421 if Disconnect ended the session.
func (s *session) sayDisconnected(cause error) {
	var d *disconnection
	if errors.As(cause, &d) {
		s.write(wire.Text(421, d.text()))
	}
}

// calledByServer reports whether the calling goroutine runs a function that this
// package has called: a hook, a driver, or another of the embedder's. It looks at the
// stack, since not all of those calls have a context that could tell.
func calledByServer() bool {
	var pcs [64]uintptr
	for skip := 1; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		if n == 0 {
			return false
		}
		frames := runtime.CallersFrames(pcs[:n])
		for more := true; more; {
			var f runtime.Frame
			if f, more = frames.Next(); isOurs(f.Function) {
				return true
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}

// isOurs reports whether a function is one of this package that calls the
// embedder's.
func isOurs(function string) bool {
	name, ours := strings.CutPrefix(function, ourPrefix)
	return ours && !strings.HasPrefix(name, "calledByServer") && !strings.HasPrefix(name, "(*Server).Disconnect")
}

// ourPrefix is what the names of this package's functions begin with.
var ourPrefix = func() string {
	pc, _, _, _ := runtime.Caller(0)
	name := runtime.FuncForPC(pc).Name()
	slash := strings.LastIndexByte(name, '/')
	return name[:slash+1+strings.IndexByte(name[slash+1:], '.')+1]
}()
