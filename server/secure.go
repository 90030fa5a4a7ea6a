package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// AUTH <mechanism>: RFC 4217, section 4, and the older names that clients still
// try first.
func (s *session) cmdAuth(_ context.Context, arg string) (wire.Reply, error) {
	switch {
	case s.secured:
		return ok(503, "Already protected by TLS.")
	case s.ctl.cleared:
		return ok(503, "CCC has ended TLS for good; connect again.")
	}
	private := false
	switch strings.ToUpper(arg) {
	case "TLS", "TLS-C", "SSL":
	case "TLS-P":
		private = true
	default:
		return ok(504, "Unknown mechanism: use AUTH TLS.")
	}
	s.afterReply = func() error {
		s.setHost("") // RFC 4217, section 4.2, as the rest below
		if err := s.secure(); err != nil {
			return err
		}
		ackNow(s.ctl.raw) // TLS 1.3 ends with a message of the client, and the server has nothing to say yet
		s.ctl.startReading(pacedControl{s})
		// RFC 4217, section 4.2: what was said in clear counts for nothing.
		s.reset()
		s.private, s.pbsz = private, private
		return nil
	}
	return ok(234, "Proceed with the TLS handshake.")
}

// ErrHandshake is the reason, wrapped with what went wrong, for which a session ends
// whose TLS handshake on the control connection failed.
var ErrHandshake = errors.New("server: TLS handshake failed")

// secure puts TLS on the control connection.
func (s *session) secure() error {
	turns := &handshakeTurns{
		all: &s.srv.handshakes, ctx: s.ctx, from: s.network(), until: time.Now().Add(s.srv.handshakeTimeout()),
	}
	err := s.ctl.handshake(s.context(context.Background()), s.srv.layer, turns)
	if cause := context.Cause(s.ctx); err != nil && cause != nil {
		return &endedIn{cause, ErrHandshake} // whoever ended the session has closed the connection
	}
	if err != nil {
		s.logOften(oftenHandshake, slog.LevelWarn, "TLS handshake failed", "err", loggable(err))
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	s.srv.prover.enter(s)
	if s.host == "" {
		s.setHost(s.serverName())
	}
	s.setTLS(newTLSInfo(s.ctl.tls.ConnectionState()))
	return nil
}

// PBSZ <size>: RFC 2228, section 3; TLS needs no buffer size: the size is 0 (RFC
// 4217, section 8).
func (s *session) cmdPbsz(_ context.Context, arg string) (wire.Reply, error) {
	if s.ctl.bind == nil {
		return ok(503, "PBSZ needs AUTH first.")
	}
	if _, err := wire.ParseSize(arg); err != nil {
		return ok(501, "PBSZ needs a number; 0 for TLS.")
	}
	s.pbsz = true
	return ok(200, "PBSZ=0")
}

// PROT <level>: RFC 2228, section 3. The level that counts is the one in force when
// a transfer starts, not when PASV was sent.
func (s *session) cmdProt(_ context.Context, arg string) (wire.Reply, error) {
	switch {
	case s.ctl.bind == nil:
		return ok(503, "PROT needs AUTH first.")
	case !s.pbsz:
		return ok(503, "PROT needs PBSZ first.")
	}
	switch strings.ToUpper(arg) {
	case "P":
		s.private = true
		return ok(200, "Data connections are private now.")
	case "C":
		if s.ctl.cleared && s.private {
			// Anybody between client and server could have sent this PROT in clear.
			return ok(534, "Data connections stay protected after CCC.")
		}
		if !s.clearData() {
			return ok(534, "Policy requires protected data connections.")
		}
		s.private = false
		if s.data != nil && !s.data.DropProof() {
			s.dropData() // sessions that prove themselves share the port
		}
		return ok(200, "Data connections are in clear now.")
	case "S", "E":
		return ok(536, "Use PROT P.")
	}
	return ok(504, "Unknown protection level: use PROT P.")
}
