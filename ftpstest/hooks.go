package ftpstest

import (
	"context"
	"net"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/server"
)

// transfers holds the transfers that are over.
type transfers struct {
	mu   sync.Mutex
	list []server.Transfer
}

// Transfers returns what the server reported of finished transfers, failed ones
// and listings included. A transfer is there as soon as its client has read the
// final reply. The last 10,000 are kept.
func (s *Server) Transfers() []server.Transfer {
	s.transfers.mu.Lock()
	defer s.transfers.mu.Unlock()
	return slices.Clone(s.transfers.list)
}

func (all *transfers) add(t server.Transfer) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.list) >= 2*kept {
		all.list = slices.Clone(all.list[len(all.list)-kept:])
	}
	all.list = append(all.list, t)
}

// observe puts this package's hooks around those that Configure has set.
func (s *Server) observe(srv *server.Server) {
	theirs := server.Hooks{}
	if srv.Hooks != nil {
		theirs = *srv.Hooks
	}
	ours := theirs
	ours.Connect = func(i server.SessionInfo) {
		s.transcript.event(s.sessions.at(i.Peer), "connected from %s%s", i.Peer, map[bool]string{true: ", implicit TLS"}[i.Implicit])
		call(theirs.Connect, i)
	}
	ours.Reply = func(i server.SessionInfo, r server.Reply) {
		s.transcript.reply(s.sessions.at(i.Peer), r)
		if theirs.Reply != nil {
			theirs.Reply(i, r)
		}
	}
	ours.Transfer = func(t server.Transfer) {
		sess := s.sessions.at(t.Session.Peer)
		if t.From == nil { // it had a data connection
			sess.correct(&t)
		}
		s.transfers.add(t)
		s.transcript.transfer(sess, t)
		call(theirs.Transfer, t)
	}
	ours.Disconnect = func(i server.SessionInfo, err error) {
		text := "disconnected"
		if err != nil {
			text += ": " + wire.Printable(err.Error())
		}
		s.transcript.event(s.sessions.at(i.Peer), "%s", text)
		s.sessions.remove(i.Peer)
		if theirs.Disconnect != nil {
			theirs.Disconnect(i, err)
		}
	}
	srv.Hooks = &ours
}

func call[T any](f func(T), v T) {
	if f != nil {
		f(v)
	}
}

// interfere puts this package's faults around what Configure has set.
func (s *Server) interfere(srv *server.Server) {
	theirs := server.Intercept{}
	if srv.Intercept != nil {
		theirs = *srv.Intercept
	}
	srv.Intercept = &server.Intercept{
		Command: func(ctx context.Context, c server.Command, run func() server.Reply) server.Reply {
			return s.command(ctx, c, func() server.Reply {
				if theirs.Command != nil {
					return theirs.Command(ctx, c, run)
				}
				return run()
			})
		},
		Data: func(ctx context.Context, t server.Transfer, conn net.Conn) (net.Conn, error) {
			if theirs.Data != nil {
				var err error
				if conn, err = theirs.Data(ctx, t, conn); err != nil {
					return nil, err
				}
			}
			return s.data(ctx, t, conn)
		},
	}
	srv.Driver = tracked{srv.Driver, s}
	if srv.TLS != nil {
		srv.TLS = srv.TLS.Clone()
		s.spoil(srv.TLS)
	}
}
