package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/internal/nopanic"
	"github.com/sallyport/sallyport/internal/rawio"
	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/internal/wire"
)

// ListenAndServe listens on a TCP address such as ":21" and serves explicit
// FTPS (RFC 4217): clients start in clear text and send AUTH TLS. It always
// returns an error, ErrServerClosed after Shutdown or Close.
func (srv *Server) ListenAndServe(addr string) error {
	return srv.listen(addr, ":21", srv.Serve)
}

// ListenAndServeTLS listens as ListenAndServe does and serves implicit FTPS, where the TLS
// handshake comes first; the usual address is ":990".
func (srv *Server) ListenAndServeTLS(addr string) error {
	return srv.listen(addr, ":990", srv.ServeTLS)
}

func (srv *Server) listen(addr, def string, serve func(net.Listener) error) error {
	if err := srv.start(); err != nil {
		return err
	}
	if addr == "" {
		addr = def
	}
	ln, err := tcp.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	return serve(ln)
}

// Serve serves explicit FTPS on a listener and closes the listener at the end.
// It always returns an error, ErrServerClosed after Shutdown or Close. It may be
// called for several listeners at once.
//
// The connections that the listener hands over are the server's to close. A program
// that wants a session to end calls Disconnect, so that the client hears why and
// nothing of the session is left.
//
// The connections may come through a proxy that tells the client's address, if RemoteAddr
// returns that address. LocalAddr, where data ports are opened, is then not the address
// that the client dialled at the proxy; a method DialledAddr() [net.Addr] of the
// connection returns the dialled address. Package proxyproto does all that.
func (srv *Server) Serve(ln net.Listener) error { return srv.serve(ln, false) }

// ServeTLS serves implicit FTPS as Serve serves explicit FTPS. The listener hands over plain TCP
// connections: the server does the handshake.
func (srv *Server) ServeTLS(ln net.Listener) error { return srv.serve(ln, true) }

func (srv *Server) serve(ln net.Listener, implicit bool) error {
	ln = nopanic.Listener(ln)
	defer ln.Close()
	if err := srv.start(); err != nil {
		return err
	}
	if implicit && srv.layer == nil {
		return errors.New("server: ServeTLS needs TLS: give a certificate with tls.Load or tls.SelfSigned")
	}
	if !srv.track(ln) {
		return ErrServerClosed
	}
	defer srv.untrack(ln)
	srv.checkDataPorts(context.Background(), ln)

	var pause time.Duration
	for {
		conn, err := ln.Accept()
		if err != nil {
			if srv.isStopped() {
				return ErrServerClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			// Descriptors may run out and come back (EMFILE), and a client may
			// have gone (ECONNABORTED): neither ends the service.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			srv.logOften(oftenAccept, slog.LevelError, "accept failed", "err", err, "retry", pause)
			select {
			case <-time.After(pause):
			case <-srv.draining:
			}
			continue
		}
		pause = 0
		srv.admit(conn, implicit)
	}
}

// admit counts a connection before a byte of it is read, and starts its
// session or turns it away.
func (srv *Server) admit(conn net.Conn, implicit bool) {
	peer := addrPort(conn.RemoteAddr())
	s := newSession(srv, rawio.On(conn), implicit)
	if why := srv.add(s, peer.Addr()); why != nil {
		s.cancel(nil)
		srv.logOften(oftenRefused, slog.LevelWarn, "connection refused", "peer", peer, "err", why)
		if !implicit {
			// A fresh socket takes one short line without blocking.
			conn.SetWriteDeadline(time.Now().Add(time.Second))
			conn.Write(wire.Text(421, refusal(why)).Append(nil))
		}
		conn.Close()
		srv.Refused(conn, why)
		return
	}
	go s.run()
}

// refusal returns the text of the 421 that refuses a connection.
func refusal(why error) string {
	if errors.Is(why, ErrServerClosed) {
		return "The server is shutting down."
	}
	return "Too many connections; try again later."
}

// add registers a session, or returns the limit that stands against it.
func (srv *Server) add(s *session, peer netip.Addr) (why error) {
	from, limits := network(peer), srv.inForce()
	suspect := false
	defer func() {
		if suspect {
			srv.warnShared(from)
		}
	}()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	switch {
	case srv.stopped:
		return ErrServerClosed
	case len(srv.sessions)+srv.elsewhere.Sessions >= count(limits.MaxSessions, DefaultMaxSessions):
		return errMaxSessions
	case peer.IsValid() && !srv.SharedAddress && srv.perNetwork[from]+srv.elsewhere.Networks[from] >= count(limits.MaxSessionsPerAddress, DefaultMaxSessionsPerAddress):
		return errMaxSessionsHere
	}
	srv.sessions[s] = struct{}{}
	srv.perNetwork[from]++
	srv.running.Add(1)
	suspect = !srv.SharedAddress && srv.origins.note(from, time.Now())
	return nil
}

// remove undoes add. It is the last step of a session.
func (srv *Server) remove(s *session) {
	defer srv.running.Done()
	srv.leaveAccount(s)
	from := network(s.peer.Addr())
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.sessions, s)
	if s.ctl.bind != nil {
		srv.prover.exit(s)
		s.ctl.bind.Close()
	}
	if srv.perNetwork[from]--; srv.perNetwork[from] == 0 {
		delete(srv.perNetwork, from)
	}
	if s.over != nil {
		close(s.over)
	}
}

func (srv *Server) track(ln net.Listener) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.stopped {
		return false
	}
	srv.listeners[ln] = struct{}{}
	return true
}

func (srv *Server) untrack(ln net.Listener) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.listeners, ln)
}

func (srv *Server) isStopped() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.stopped
}
