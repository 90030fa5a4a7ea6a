package server

import (
	"context"
	"log/slog"

	"github.com/sallyport/sallyport/internal/wire"
)

// CCC: RFC 2228, section 3 and RFC 4217, section 12.3. The control connection
// goes on in clear, so that a firewall can follow PASV again; data connections
// keep their protection and their proof.
func (s *session) cmdCcc(context.Context, string) (wire.Reply, error) {
	switch {
	case s.policy.RequireTLS:
		return ok(534, "The control connection must stay protected.")
	case !s.secured:
		return ok(503, "The control connection is in clear.")
	}
	// From here on read no byte beyond the end of the TLS record under way: the
	// client may send clear text right behind its close_notify.
	s.ctl.tls.ReadExact()
	s.afterReply = s.dropTLS
	return ok(200, "The control connection is in clear after this.")
}

// featCcc returns the line of FEAT: none if the policy of the account forbids CCC.
func (s *session) featCcc() string {
	if s.policy.RequireTLS {
		return ""
	}
	return "CCC"
}

// dropTLS takes TLS off the control connection.
func (s *session) dropTLS() error {
	if err := s.ctl.dropTLS(s.srv.handshakeTimeout()); err != nil {
		return err
	}
	// What the client sent under TLS before the 200 came too early.
	s.ctl.startReading(pacedControl{s})
	s.setSecured(false)
	s.log(slog.LevelInfo, "control connection in clear after CCC")
	return nil
}
