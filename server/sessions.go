package server

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/wire"
)

// visible is what others may see of a session, by Sessions, hooks, SessionFrom and
// Shutdown. Only the session's goroutine changes it, and holds mu to do so. Hence that
// goroutine may read without mu; every other goroutine holds mu.
type visible struct {
	mu             sync.Mutex
	user           string
	value          any // of the account, see driver.Account
	loggedIn       bool
	loginTime      time.Time // zero without a login
	idleSince      time.Time // zero before the end of the first command
	secured        bool
	dir            string   // the working directory as the user sees it; empty without a login
	host           string   // HOST, or SNI
	client         string   // CLNT or CSID
	tls            *TLSInfo // of the control connection; nil before the handshake
	inLine         bool     // waits for its turn to log in
	doing          wire.Command
	busy           bool
	commands       uint64 // begun so far
	moving         *transfer
	received, sent int64
}

// setDoing notes the command that the session carries out. busy is false when the
// command is done.
func (v *visible) setDoing(cmd wire.Command, busy bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.doing, v.busy = cmd, busy
	if busy {
		v.commands++
	} else {
		v.idleSince = time.Now()
	}
}

func (v *visible) setLogin(user string, loggedIn bool, value any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.user, v.loggedIn, v.value, v.dir, v.loginTime = user, loggedIn, value, "", time.Time{}
	if loggedIn {
		v.dir, v.loginTime = "/", time.Now()
	}
}

func (v *visible) setDir(dir string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dir = dir
}

func (v *visible) setHost(host string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.host = host
}

// maxClient bounds how many bytes are kept of the name that a client's program gives
// itself.
const maxClient = 200

func (v *visible) setClient(name string) {
	name = printable(name)
	for len(name) > maxClient {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.client = strings.Clone(name) // the line that name is a part of may be long
}

func (v *visible) setTLS(info *TLSInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tls, v.secured = info, true
}

func (v *visible) setSecured(secured bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secured = secured
}

func (v *visible) setInLine(inLine bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.inLine = inLine
}

// setMoving notes the transfer under way, nil for none, and counts the bytes of the
// transfer before.
func (v *visible) setMoving(t *transfer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if old := v.moving; old != nil && !old.local {
		if old.upload {
			v.received += old.bytes.Load()
		} else {
			v.sent += old.bytes.Load()
		}
	}
	v.moving = t
}

// current returns the transfer under way, nil for none.
func (v *visible) current() *transfer {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.moving
}

// isStranger reports whether nobody has logged in.
func (v *visible) isStranger() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.loggedIn
}

// isInLine reports whether the session waits for its turn to log in.
func (v *visible) isInLine() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.inLine
}

// isSilent reports what session.isSilent does; writing says whether the session waits for
// its client to take a reply.
func (v *visible) isSilent(writing bool) (commands uint64, silent bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.moving != nil {
		return v.commands, v.moving.isIdle()
	}
	return v.commands, !v.busy || writing || !v.loggedIn
}

// info returns a snapshot for hooks and Sessions. Any goroutine may call it.
func (s *session) info() SessionInfo {
	i := SessionInfo{ID: s.id, Peer: s.peer, Local: s.local, Started: s.started, Implicit: s.implicit}
	s.fill(&i)
	return i
}

// fill adds what changes in the course of a session.
func (v *visible) fill(i *SessionInfo) {
	v.mu.Lock()
	defer v.mu.Unlock()
	i.User, i.Value, i.Secure, i.Received, i.Sent = v.user, v.value, v.secured, v.received, v.sent
	i.Dir, i.Host, i.Client, i.TLS, i.LoggedIn = v.dir, v.host, v.client, v.tls, v.loginTime
	switch {
	case v.busy:
		i.Doing = v.doing.Redacted()
	case v.idleSince.IsZero():
		i.IdleSince = i.Started
	default:
		i.IdleSince = v.idleSince
	}
	if v.moving != nil {
		i.Transferred = v.moving.bytes.Load()
	}
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
