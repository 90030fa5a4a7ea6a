package ftpstest

import (
	"cmp"
	"context"
	"net"

	"github.com/sallyport/sallyport/internal/tcp"
	"github.com/sallyport/sallyport/server"
)

// serve opens both listeners.
func (s *Server) serve(c Config) error {
	host, err := c.host()
	if err != nil {
		return err
	}
	free := net.JoinHostPort(host, "0")
	for _, door := range []struct {
		addr  string
		at    *string
		serve func(net.Listener) error
	}{{cmp.Or(c.Addr, free), &s.Addr, s.Server.Serve}, {cmp.Or(c.ImplicitAddr, free), &s.ImplicitAddr, s.Server.ServeTLS}} {
		ln, err := tcp.Listen(context.Background(), "tcp", door.addr)
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
