package passive

import "errors"

// agree has the model take that one of several ways which leads to the state
// that the real table has come to.
func (w *walk) agree(ways ...func(*model, *walkClock)) {
	for s := range w.leases {
		w.collect(s)
	}
	table := w.seen()
	form := table.form(false, false)
	for i, way := range ways {
		m, c := w.model, w.clock
		m.effects, m.known, m.verdict, m.history = nil, facts{}, verdict{}, new([]effect)
		c.due = append([]alarm(nil), c.due...)
		way(&m, &c)
		plain := m.modelState
		for i := range plain.conns {
			plain.conns[i].cut = false
		}
		if plain.form(false, false) == form {
			w.model, w.clock = m, c
			break
		}
		w.require(i < len(ways)-1, "the model and the table differ:\n%+v\n%+v", plain, table)
	}
	for i := range *w.model.history {
		w.outcome(&(*w.model.history)[i])
	}
}

// outcome compares the result of an effect with what the real table has given.
func (w *walk) outcome(e *effect) {
	w.met[e.name()]++
	switch e.kind {
	case connGiven:
		w.given(e)
	case leaseEnded:
		l := w.leases[e.who]
		w.require(l.state == ended, "the lease of %d is not over", e.who)
		w.require(errors.Is(l.err, e.err), "the lease of %d ended with %v, not %v", e.who, l.err, e.err)
	case connClosed:
		if c := w.conns[e.conn.id]; c != nil && !e.conn.shaking {
			w.require(c.server.Closes() > 0, "connection %d is open", e.conn.id)
		}
	}
}

// name returns the name under which an effect is counted.
func (e *effect) name() string {
	switch {
	case e.kind == connGiven && e.conn.sibling:
		return "sibling"
	case e.kind == connGiven && e.proven:
		return "proven"
	case e.kind == connGiven && e.lease.policy == inClear:
		return "in clear"
	case e.kind == connGiven:
		return "without proof"
	case e.kind == leaseBusy:
		return "busy"
	case e.kind == shakeLimited:
		return "limited"
	case e.err != nil:
		return e.err.Error()
	}
	return "other"
}

func (w *walk) given(e *effect) {
	c, take := w.conns[e.conn.id], w.takes[e.who]
	w.require(c.server.Closes() == 0, "connection %d was closed", e.conn.id)
	if take == nil {
		w.require(w.leases[e.who].conn == c.server, "session %d has another connection than %d", e.who, e.conn.id)
		return
	}
	if !e.proven && !e.conn.full && e.lease.policy != inClear {
		w.prover.fate(c.server) <- shakes // by Accept
	}
	<-take.done
	w.require(take.err == nil, "session %d got %v", e.who, take.err)
	w.require(take.conn == c.server, "session %d got another connection than %d", e.who, e.conn.id)
	take.conn.Close()
}
