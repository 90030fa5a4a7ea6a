package main

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/passive"
)

// maxAddrs bounds the addresses of a name; further ones are ignored.
const maxAddrs = 256

// addrs answers with the addresses of an announced name, which the clerk looks up.
func (k *keeper) addrs(c *channel.Call, w *channel.Writer) error {
	name := c.String()
	if err := c.End(); err != nil {
		return err
	}
	if !k.isAnnounced(name) {
		k.log.Warn("the engine has asked for a name that is not announced", "name", name)
		return channel.ErrMessage
	}
	var addrs []netip.Addr
	err := k.askClerk(c.Ctx, tellLookUp, func(w *channel.Writer) { w.String(name); w.String("") }, func(r *channel.Reader, _ *os.File) (err error) {
		addrs, err = readAddrs(r)
		return err
	})
	w.Uint(uint64(len(addrs)))
	for _, a := range addrs {
		w.String(a.String())
	}
	return err
}

// isAnnounced reports whether a name is announced by the settings in force, by those of the start, or by those that
// the engine is being told of.
func (k *keeper) isAnnounced(name string) bool {
	of := []*settings{k.started, k.current()}
	if s := k.offered.Load(); s != nil {
		of = append(of, s)
	}
	for _, s := range of {
		rules, _ := passive.ParseRules(s.announce)
		for _, r := range rules {
			if n, ok := r.Announce.(*passive.Name); ok && n.Host == name {
				return true
			}
		}
	}
	return false
}

// readAddrs reads a list of addresses.
func readAddrs(r *channel.Reader) (addrs []netip.Addr, err error) {
	n := r.Uint()
	if n > maxAddrs {
		return nil, channel.ErrMessage
	}
	for range n {
		a, err := netip.ParseAddr(r.String())
		if err != nil {
			return nil, fmt.Errorf("%w: %v", channel.ErrMessage, err)
		}
		addrs = append(addrs, a)
	}
	return addrs, r.End()
}
