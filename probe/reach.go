package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// reach looks up the name and connects once to each address and control port. It chooses the address for everything
// else, and returns the ports that are open there.
func (r *run) reach() []uint16 {
	if !r.lookup() {
		return nil
	}
	ports := r.Ports
	if len(ports) == 0 {
		ports = []uint16{explicitPort, implicitPort}
	}
	states := r.dialAll(ports)
	best, open := r.choose(ports, states)
	r.addr = r.addrs[best]
	r.fact(0, "address", "%v", r.addr)
	for i, port := range ports {
		s := states[best][i]
		r.fact(port, "control port", "%s", s.state)
		// Leaves out a closed usual port if the other is open: one of the two is enough.
		if s.state == stateOpen || len(r.Ports) == 0 && len(open) > 0 {
			continue
		}
		switch s.state {
		case stateRefused:
			r.find(port, ControlRefused, "port %d of %v is closed: %v", port, r.addr, s.err)
		case stateFiltered:
			r.find(port, ControlFiltered, "port %d of %v does not answer: %v", port, r.addr, s.err)
		default:
			r.find(port, ControlError, "port %d of %v: %v", port, r.addr, s.err)
		}
	}
	r.deadAddresses(best, ports, states)
	return open
}

// lookup finds the addresses. It sorts IPv4 first: 227, the source of most trouble, exists for IPv4 only.
func (r *run) lookup() bool {
	if addr, err := netip.ParseAddr(r.Host); err == nil {
		r.addrs = []netip.Addr{addr.Unmap()}
		return true
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.Timeout)
	defer cancel()
	found, err := r.Resolver(ctx, "ip", r.Host)
	if failed := new(net.DNSError); errors.As(err, &failed) && failed.Temporary() {
		found, err = r.Resolver(ctx, "ip", r.Host)
	}
	if err == nil && len(found) == 0 {
		err = errors.New("no address")
	}
	if err != nil {
		r.find(0, DNSFailed, "looking up %s: %v", r.Host, err)
		return false
	}
	for _, addr := range found {
		if addr = addr.Unmap(); !slices.Contains(r.addrs, addr) {
			r.addrs = append(r.addrs, addr)
		}
	}
	slices.SortStableFunc(r.addrs, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	r.addrs = r.addrs[:min(len(r.addrs), MaxAddresses)]
	var texts []string
	for _, addr := range r.addrs {
		texts = append(texts, addr.String())
	}
	r.fact(0, "dns", "%s", strings.Join(texts, ", "))
	return true
}

// reached is the result of an attempt to connect.
type reached struct {
	state state
	err   error
}

// dialAll connects to all ports of all addresses: to the addresses concurrently, to the ports of one in turn.
func (r *run) dialAll(ports []uint16) [][]reached {
	states := make([][]reached, len(r.addrs))
	var wg sync.WaitGroup
	for i, addr := range r.addrs {
		states[i] = make([]reached, len(ports))
		wg.Go(func() {
			for j, port := range ports {
				conn, err := r.dial(addr, port)
				if err == nil {
					conn.Close()
				}
				states[i][j] = reached{stateOf(err), err}
			}
		})
	}
	wg.Wait()
	return states
}

// choose returns the address with the most open ports, the first of several, and those ports.
func (r *run) choose(ports []uint16, states [][]reached) (best int, open []uint16) {
	for i := range states {
		var here []uint16
		for j, port := range ports {
			if states[i][j].state == stateOpen {
				here = append(here, port)
			}
		}
		if len(here) > len(open) {
			best, open = i, here
		}
	}
	return best, open
}

// deadAddresses makes findings about addresses that lack an open port of the best one. It leaves out failures that
// only mean that this machine has no IPv6.
func (r *run) deadAddresses(best int, ports []uint16, states [][]reached) {
	for i, addr := range r.addrs {
		for j, port := range ports {
			s := states[i][j]
			if i == best || states[best][j].state != stateOpen || s.state == stateOpen {
				continue
			}
			r.fact(port, "other address", "%v: %s", addr, s.state)
			if s.state == stateRefused || s.state == stateFiltered {
				r.find(port, AddressDead, "%v port %d is %s, while %v answers", addr, port, s.state, r.addr)
			}
		}
	}
}
