package ftpstest

import (
	"context"
	"net"

	"github.com/sallyport/sallyport/server"
)

// serve opens both listeners.
func (s *Server) serve(c Config) error {
	explicit, implicit, err := c.addrs()
	if err != nil {
		return err
	}
	for _, door := range []struct {
		addr  string
		at    *string
		serve func(net.Listener) error
	}{{explicit, &s.Addr, s.Server.Serve}, {implicit, &s.ImplicitAddr, s.Server.ServeTLS}} {
		ln, err := listen(door.addr)
		if err != nil {
			return err
		}
		*door.at = ln.Addr().String()
		ended := make(chan error, 1)
		s.ended = append(s.ended, ended)
		if door.at == &s.ImplicitAddr && s.Server.TLS == nil { // Configure has taken it away
			ln.Close()
			ended <- server.ErrServerClosed
			continue
		}
		go func() { ended <- door.serve(watched{ln, &s.sessions}) }()
	}
	return nil
}

// listen is net.Listen without MPTCP, as the server's own.
func listen(addr string) (net.Listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	return lc.Listen(context.Background(), "tcp", addr)
}
