//go:build linux

package lending

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// Joint has the TLS tickets of the sessions of all processes that share ports count in each of them. It is the
// [server.Siblings] of one server, and belongs to one process.
type Joint struct {
	// Table makes the leases of this process once another has the ports.
	Table *Table

	prover *jointProver // set by Join

	mu     sync.Mutex
	far    []*prover            // the processes that have their leases made here
	leases map[string]*farLease // by the identity of the session
}

// farLease counts the leases here of a session in another process.
type farLease struct {
	prover *prover
	count  int
}

var _ server.Siblings = (*Joint)(nil)

// Join implements server.Siblings.
func (j *Joint) Join(own passive.Prover) passive.Prover {
	j.prover = &jointProver{j, own}
	j.Table.setProver(j.prover)
	return j.prover
}

// OwnerOf implements server.Siblings.
func (j *Joint) OwnerOf(session string) string {
	if owner, there := j.Table.ownerOf(session); there {
		return owner
	}
	return j.ownerOf(session, nil)
}

// ownerOf returns the owner of a session of this process, or of one that has its leases made here, but for the process
// that asks.
func (j *Joint) ownerOf(session string, asks *prover) string {
	if owner := j.prover.own.OwnerOf(session); owner != "" {
		return owner
	}
	if l := j.find(session); l != nil {
		return l.OwnerOf(session)
	}
	for _, p := range j.all() {
		if p == asks {
			continue
		}
		if owner := p.OwnerOf(session); owner != "" {
			return owner
		}
	}
	return ""
}

// enter makes a process known that has its leases made here.
func (j *Joint) enter(p *prover) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.far = append(slices.Clip(j.far), p) // all may still be read
}

// exit forgets a process.
func (j *Joint) exit(p *prover) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.far = slices.DeleteFunc(slices.Clone(j.far), func(other *prover) bool { return other == p })
	for session, l := range j.leases {
		if l.prover == p {
			delete(j.leases, session)
		}
	}
}

func (j *Joint) all() []*prover {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.far
}

// leased counts a lease of a session in another process. The function that it returns undoes that, once.
func (j *Joint) leased(session string, p *prover) (left func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.leases == nil {
		j.leases = map[string]*farLease{}
	}
	l := j.leases[session]
	if l == nil || l.prover != p {
		l = &farLease{prover: p}
		j.leases[session] = l
	}
	l.count++
	return func() { j.left(session, l) }
}

// left undoes that a lease was counted in l.
func (j *Joint) left(session string, l *farLease) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if l.count--; l.count == 0 && j.leases[session] == l {
		delete(j.leases, session)
	}
}

// find returns the process whose session has a lease here, nil for a session of this process.
func (j *Joint) find(session string) *prover {
	j.mu.Lock()
	defer j.mu.Unlock()
	if l := j.leases[session]; l != nil {
		return l.prover
	}
	return nil
}

// hasLeases reports whether a process has a lease here.
func (j *Joint) hasLeases(p *prover) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.leases {
		if l.prover == p {
			return true
		}
	}
	return false
}

// jointProver is a passive.Prover that knows the sessions of this process, and of those that have their leases made
// here. The sessions of one owner may so be in several processes.
type jointProver struct {
	j   *Joint
	own passive.Prover
}

// Identify implements passive.Prover.
func (p *jointProver) Identify(conn net.Conn) (session string, replay net.Conn, err error) {
	session, replay, err = p.own.Identify(conn)
	if err != nil || session != "" {
		return session, replay, err
	}
	shown, ok := replay.(interface{ ShowsTicket() bool })
	shows := ok && shown.ShowsTicket()
	for _, far := range p.j.all() {
		if !shows && !p.j.hasLeases(far) {
			continue // neither the ticket nor the connection can be for a session there
		}
		session, replay, err = far.Identify(replay)
		var failed *farError
		if err != nil && !errors.As(err, &failed) || session != "" {
			return session, replay, err
		}
	}
	return "", replay, nil
}

// OwnerOf implements passive.Prover.
func (p *jointProver) OwnerOf(session string) string { return p.j.ownerOf(session, nil) }

// Handshake implements passive.Prover.
func (p *jointProver) Handshake(ctx context.Context, session string, conn net.Conn) (secured net.Conn, proven bool, err error) {
	if far := p.j.find(session); far != nil {
		return far.Handshake(ctx, session, conn)
	}
	return p.own.Handshake(ctx, session, conn)
}
