package main

import (
	"errors"
	"net/netip"

	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/passive"
)

// canDoWith reports whether all that is wrong with the data ports is that some of
// them are in use while another is free on each address: that passes, and is no
// reason to stay down after a restart.
func (d *daemon) canDoWith(err error) bool {
	taken := make(map[netip.Addr]int)
	for _, e := range joined.Errors(err) {
		var port *passive.PortError
		if !errors.As(e, &port) || !port.InUse() {
			return false
		}
		ports, err := passive.Range(port.Ports)
		if err != nil {
			return false
		}
		taken[port.Addr] += ports.Len()
	}
	for _, n := range taken {
		if n >= d.ports.Len() {
			return false
		}
	}
	return true
}
