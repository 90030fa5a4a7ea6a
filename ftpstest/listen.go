package ftpstest

import (
	"cmp"
	"context"
	"net"

	"github.com/sallyport/sallyport/internal/tcp"
)

// serve opens both listeners and serves them. Both addresses are written down
// before the first connection is served: the goroutines of sessions read them.
func (s *Server) serve(c Config) error {
	explicit, err := c.listen(c.Addr)
	if err != nil {
		return err
	}
	implicit, err := c.listen(c.ImplicitAddr)
	if err != nil {
		explicit.Close()
		return err
	}
	s.Addr, s.ImplicitAddr = explicit.Addr().String(), implicit.Addr().String()
	s.start(s.Server.Serve, explicit)
	if s.Server.TLS == nil { // Configure has taken TLS away
		return implicit.Close()
	}
	s.start(s.Server.ServeTLS, implicit)
	return nil
}

// listen opens a listener at an address, or at a free port where none is asked
// for.
func (c Config) listen(addr string) (net.Listener, error) {
	host, err := c.host()
	if err != nil {
		return nil, err
	}
	return tcp.Listen(context.Background(), "tcp", cmp.Or(addr, net.JoinHostPort(host, "0")))
}

// start serves a listener until the server ends.
func (s *Server) start(serve func(net.Listener) error, ln net.Listener) {
	ended := make(chan error, 1)
	s.ended = append(s.ended, ended)
	go func() { ended <- serve(watched{ln, &s.sessions}) }()
}
