package passive

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"testing/synctest"
)

// act applies an event to the real table.
func (w *walk) act(e event) {
	switch e.what {
	case leases:
		w.ask(e)
	case wants:
		w.take(int(e.a))
	case closes:
		if w.model.sessions[e.a].phase == queued {
			w.giveUp[e.a]()
			return
		}
		w.leases[e.a].Close()
		if e.c == 1 {
			w.stop[e.a]()
		}
	case drops:
		w.require(w.leases[e.a].DropProof() == w.model.drops(e.a), "session %d can do without proof, or can't", e.a)
	case connects:
		w.dial(e)
	default:
		w.speak(e)
	}
}

func (w *walk) ask(e event) {
	r := ask(alice)
	r.Session, r.Policy, r.Owner = strconv.Itoa(int(e.a)), ProofPolicy(e.b), modelOwners[e.a]
	if r.Policy != inClear {
		r.Prover, r.Identity = w.prover, r.Session
	}
	r.UntestedTickets = e.d == 1
	ctx, cancel := context.WithCancel(w.t.Context())
	got := make(chan answer, 1)
	w.policy[e.a], w.untested[e.a] = r.Policy, r.UntestedTickets
	w.leases[e.a], w.takes[e.a], w.asking[e.a], w.giveUp[e.a] = nil, nil, got, cancel
	go func() {
		l, err := w.ports.Lease(ctx, r)
		got <- answer{l, err}
	}()
}

// collect notes what a call of Lease has returned.
func (w *walk) collect(s int) {
	select {
	case a := <-w.asking[s]:
		w.asking[s], w.leases[s] = nil, a.lease
	default:
	}
}

func (w *walk) take(s int) {
	t := &taking{done: make(chan struct{})}
	l := w.leases[s]
	ctx, stop := context.WithCancel(w.t.Context())
	w.stop[s] = stop
	go func() {
		defer close(t.done)
		t.conn, t.err = l.Accept(ctx)
	}()
	if w.model.sessions[s].phase == leased {
		w.takes[s] = t
		return
	}
	synctest.Wait()
	<-t.done
	w.require(t.err == nil, "session %d does not get what it has", s)
	t.conn.Close()
}

func (w *walk) addr(away bool) net.Addr {
	if away {
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(eve, 5555))
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(alice, 5555))
}

func (w *walk) dial(e event) {
	client, server := w.net.dial(addrOf(w.addr(e.c == 1)), walkPort+uint16(e.b))
	if client == nil {
		return // refused, since nobody listens
	}
	w.conns[e.d] = &walkConn{by: e.a, ticket: nobody, client: client, server: server}
	w.ids[server] = e.d
}

func (w *walk) speak(e event) {
	m := w.model.conns[e.a]
	c := w.conns[m.id]
	switch e.what {
	case hangsUp:
		c.client.Close()
	case says:
		c.ticket = e.b
		word := strconv.Itoa(int(e.b))
		if e.b == nobody {
			word = ""
		}
		_, _ = c.client.Write([]byte(word + "\n"))
	default:
		w.prover.fate(c.server) <- e.what
	}
}
