package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/sallyport/sallyport/proxyproto"
)

// addProxies reads networks and addresses, separated by commas.
func (s *settings) addProxies(text string) error {
	for piece := range strings.SplitSeq(text, ",") {
		prefix, err := parseNetwork(strings.TrimSpace(piece))
		if err != nil {
			return err
		}
		s.proxies = append(s.proxies, prefix)
	}
	return nil
}

func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no network; want one such as 10.0.0.0/24, or an address", text)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("%s is an address within a network; write %s for the network or %s for the address",
			text, prefix.Masked(), prefix.Addr())
	}
	return prefix, nil
}

// behindProxies makes everything that listens read PROXY headers, if the options
// name somebody to read them from.
func (d *daemon) behindProxies() {
	if len(d.proxies) == 0 {
		return
	}
	p := &proxyproto.Protocol{Trusted: d.proxies, Logger: d.log}
	for _, ln := range []*net.Listener{&d.explicit, &d.implicit} {
		if *ln != nil {
			*ln = p.Wrap(*ln)
		}
	}
	if d.ports != nil {
		d.ports.Listen = p.ListenData
	}
}

// proxyNames are the networks of the proxies as they are written.
func (d *daemon) proxyNames() string {
	var names []string
	for _, prefix := range d.proxies {
		if prefix.IsSingleIP() {
			names = append(names, prefix.Addr().String())
		} else {
			names = append(names, prefix.String())
		}
	}
	return strings.Join(names, ", ")
}
