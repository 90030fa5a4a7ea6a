package main

import (
	"errors"
	"net/netip"

	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/passive"
)

// canDoWith reports whether the server can start despite an error of the data
// ports: the error says only that ports are in use, and each address has another
// port that is free. Ports come free again, and no restart should fail for them.
func canDoWith(set *passive.Ports, err error) bool {
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
		if n >= set.Len() {
			return false
		}
	}
	return true
}
