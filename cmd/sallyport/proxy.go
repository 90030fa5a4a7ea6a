package main

import (
	"context"
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

// behindProxies has all listeners read PROXY headers if the options name
// proxies. listen opens data ports.
func (d *daemon) behindProxies(listen func(ctx context.Context, network, address string) (net.Listener, error)) {
	d.ports.Listen = listen
	if len(d.proxies) == 0 {
		return
	}
	p := &proxyproto.Protocol{Trusted: d.proxies, Logger: d.log, Listen: listen}
	p.Refused = func(conn net.Conn, err error) { d.srv.Refused(conn, err) }
	for _, ln := range []*net.Listener{&d.explicit, &d.implicit} {
		if *ln != nil {
			*ln = p.Wrap(*ln)
		}
	}
	d.ports.Listen = p.ListenData
}

// proxyNames returns the networks of the proxies for people to read.
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
