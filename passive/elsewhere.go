package passive

import (
	"context"
	"errors"
	"net"
)

// Table is a lease table elsewhere, such as that of another process that has taken over the ports: [Ports.Follow].
type Table interface {
	// Lease does what [Ports.Lease] does. The Prover of the request lives in this process; the table has its methods
	// called here, as it calls the methods of its own Provers. Announce and Logger are for this process only.
	Lease(ctx context.Context, r Request) (TableLease, error)
}

// TableLease is a lease of a [Table]. Each method does what the method of [Lease] with the same name does, and may be
// called concurrently. The connection that Accept returns is, for a session with an Identity, what the session's own
// [Prover.Handshake] has returned.
type TableLease interface {
	Port() uint16
	Accept(ctx context.Context) (net.Conn, error)
	TransferStarting()
	DropProof() bool
	Over() bool
	CloseUnused()
	Close() error
}

// Follow has all leases from now on made by a table elsewhere, so that two processes can serve their sessions on the
// same ports. Leases that are here already stay here, and so do their ports, each until its last lease has ended; who
// waits for a port waits there from now on. A nil Table has leases made here again. Follow may be called at any time,
// with another Table too.
func (p *Ports) Follow(t Table) {
	var shut []*door
	p.mu.Lock()
	p.elsewhere = t
	if t != nil {
		for who := range p.queues {
			p.dismiss(who)
		}
		for _, d := range p.doors {
			if d.leases == 0 && d.ln != nil && p.shut(d) != nil {
				shut = append(shut, d)
			}
		}
	}
	p.unlock()
	for _, d := range shut {
		_ = d.free(d.ln) // an error could be told to nobody
	}
}

// follows returns the table that makes the leases, nil for this one.
func (p *Ports) follows() (Table, error) {
	p.mu.Lock()
	defer p.unlock()
	if p.closed {
		return nil, ErrClosed
	}
	return p.elsewhere, nil
}

// leaseElsewhere has another table make a lease.
func (p *Ports) leaseElsewhere(ctx context.Context, t Table, r Request) (*Lease, error) {
	far, err := t.Lease(ctx, r)
	if err != nil {
		return nil, err
	}
	l := &Lease{ports: p, far: far, req: r}
	port := far.Port()
	told := int(port) + p.Offset
	if port == 0 || told < 1 || told > 65535 {
		far.Close()
		return nil, errors.New("passive: the table elsewhere has no such port")
	}
	l.door = &door{ports: p, port: port, announced: uint16(told)}
	if err := l.mapPort(); err != nil {
		return nil, err
	}
	return l, nil
}
