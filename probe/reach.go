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

// reach looks the name up and connects to each address and control port once. It returns the ports that are open on
// the address that all else is done with.
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
		// One of the two usual ports is enough.
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

// lookup finds the addresses, IPv4 first, since 227 and with it most of what goes wrong belongs to IPv4.
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

// reached is the outcome of one connection.
type reached struct {
	state state
	err   error
}

// dialAll tries all ports of all addresses, an address's ports one after the other.
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

// choose returns the address with most open ports (the first of several) and those ports.
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

// deadAddresses reports the addresses that lack a port which the best one has. That this machine has no IPv6 is not
// the server's fault.
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
