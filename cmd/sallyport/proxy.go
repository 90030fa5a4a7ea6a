package main

import (
	"net"
	"strings"

	"github.com/sallyport/sallyport/internal/networks"
	"github.com/sallyport/sallyport/proxyproto"
)

// addProxies reads networks and addresses, separated by commas.
func (s *settings) addProxies(text string) error {
	for piece := range strings.SplitSeq(text, ",") {
		prefix, err := networks.Parse(strings.TrimSpace(piece))
		if err != nil {
			return err
		}
		s.proxies = append(s.proxies, prefix)
	}
	return nil
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

// proxyNames returns the networks of the proxies as they are written.
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
