package passive

// Stats is a snapshot of what Ports are doing, for metrics and tests.
type Stats struct {
	// Now.
	Listeners int // open
	Leases    int // without a connection
	Untaken   int // with a connection that Accept has not returned yet
	Waiting   int // calls of Lease that wait for a port
	Unproven  int // connections of which it is not known yet whose they are

	// Since the beginning.
	Leased     uint64 // leases given out
	Accepted   uint64 // connections that belonged to a lease
	Expired    uint64 // leases to which no connection came
	Busy       uint64 // calls of Lease that returned ErrBusy
	Strangers  uint64 // connections refused
	Unopenable uint64 // failures to open a port
}

// Stats returns what is going on.
func (p *Ports) Stats() Stats {
	p.mu.Lock()
	defer p.unlock()
	s := p.stats
	s.Untaken = len(p.arrived)
	return s
}
