package main

import (
	"net/netip"
	"os"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/passive"
)

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
	return k.resolve(c, w, name)
}

// resolve answers with the addresses of a name, which the clerk looks up.
func (k *keeper) resolve(c *channel.Call, w *channel.Writer, name string) error {
	var addrs []netip.Addr
	err := k.askClerk(c.Ctx, tellLookUp, func(w *channel.Writer) { w.String(name); w.String("") }, func(r *channel.Reader, _ *os.File) (err error) {
		addrs, err = channel.ReadAddrs(r)
		return err
	})
	w.Addrs(addrs)
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
