package server

import (
	"maps"
	"slices"

	"github.com/sallyport/sallyport/internal/wire"
)

func (s *session) setDoing(cmd wire.Command, busy bool) {
	s.mu.Lock()
	s.doing, s.busy = cmd, busy
	if busy {
		s.commands++
	}
	s.mu.Unlock()
}

// info is a snapshot for hooks and Sessions; it may be called from anywhere.
func (s *session) info() SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := SessionInfo{
		ID: s.id, Peer: s.peer, Local: s.local, User: s.user, Value: s.value, Started: s.started,
		Implicit: s.implicit, Secure: s.secured, Received: s.received, Sent: s.sent,
	}
	if s.busy {
		i.Doing = s.doing.Redacted()
	}
	if s.moving != nil {
		i.Transferred = s.moving.bytes.Load()
	}
	return i
}

// Sessions lists the live sessions, in no order. It may be called at any time
// from any goroutine.
func (srv *Server) Sessions() []SessionInfo {
	all := srv.list()
	list := make([]SessionInfo, len(all))
	for i, s := range all {
		list[i] = s.info()
	}
	return list
}

// list returns the live sessions.
func (srv *Server) list() []*session {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return slices.Collect(maps.Keys(srv.sessions))
}
