//go:build linux

package channel

import (
	"fmt"
	"net/netip"
)

// maxAddrs bounds the addresses of a name; further ones are ignored.
const maxAddrs = 256

// Addrs writes the addresses of a name.
func (w *Writer) Addrs(addrs []netip.Addr) {
	addrs = addrs[:min(len(addrs), maxAddrs)]
	w.Uint(uint64(len(addrs)))
	for _, a := range addrs {
		w.String(a.String())
	}
}

// ReadAddrs reads a message that ends with the addresses of a name.
func ReadAddrs(r *Reader) (addrs []netip.Addr, err error) {
	n := r.Uint()
	if n > maxAddrs {
		return nil, ErrMessage
	}
	for range n {
		a, err := netip.ParseAddr(r.String())
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrMessage, err)
		}
		addrs = append(addrs, a)
	}
	return addrs, r.End()
}
