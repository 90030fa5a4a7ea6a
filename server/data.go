package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// dataSource is what PASV, EPSV, PORT and EPRT leave behind: the one way to get a
// data connection. It serves one transfer.
type dataSource interface {
	// TransferStarting is called before 150 tells the client that the transfer
	// begins.
	TransferStarting()
	// Over reports that no connection can come any more.
	Over() bool
	// Accept waits for the data connection and returns it: a *dataConn if the
	// handshake is done, or else the TCP connection.
	Accept(ctx context.Context) (net.Conn, error)
	// DropProof is called when PROT C has put the data in clear. It reports whether
	// the source is still of use.
	DropProof() bool
	// Close gives up what the source holds. It may be called at any time.
	Close() error
}

// setData has the next transfer take its connection from d, and gives up the source
// before d.
func (s *session) setData(d dataSource) {
	s.dropData()
	s.data = d
}

// dropData gives up what the last PASV, EPSV, PORT or EPRT left.
func (s *session) dropData() {
	if s.data != nil {
		s.data.Close()
		s.data = nil
		s.port.Store(nil)
	}
}

// PASV: RFC 959, section 4.1.2.
func (s *session) cmdPasv(ctx context.Context, _ string) (wire.Reply, error) {
	switch {
	case s.epsvAll:
		return ok(501, "PASV is not allowed after EPSV ALL.")
	case s.local.Addr().Is6():
		// 227 has room for an IPv4 address only (RFC 2428, section 1).
		return ok(425, "PASV has no IPv6 address; use EPSV.")
	}
	lease, err := s.lease(ctx)
	if err != nil {
		return wire.Reply{}, err
	}
	at, err := lease.Announced(ctx)
	if err == nil && !at.Addr().Is4() {
		err = fmt.Errorf("%s is not an IPv4 address", at.Addr())
	}
	if err != nil {
		s.dropData()
		s.logOften(oftenNoAddress, slog.LevelError, "no address to announce in 227", "err", loggable(err))
		return wire.Reply{}, &dataError{425, "No address to announce; use EPSV.", err}
	}
	s.warnPrivate(at.Addr())
	s.log(slog.LevelDebug, "passive", "port", lease.Port(), "announced", at)
	return okf(227, "Entering Passive Mode (%s).", wire.FormatPort(at))
}

// EPSV [1|2|ALL]: RFC 2428, section 3. The reply holds no address that NAT could
// spoil.
func (s *session) cmdEpsv(ctx context.Context, arg string) (wire.Reply, error) {
	family, all, err := wire.ParseEPSV(arg)
	switch {
	case errors.Is(err, wire.ErrProtocol), err == nil && family == 4 && s.local.Addr().Is6(), err == nil && family == 6 && s.local.Addr().Is4():
		if s.local.Addr().Is6() {
			return ok(522, "Network protocol not supported, use (2)")
		}
		return ok(522, "Network protocol not supported, use (1)")
	case err != nil:
		return wire.Reply{}, err
	case all:
		s.epsvAll = true
		return ok(200, "EPSV ALL accepted.")
	}
	lease, err := s.lease(ctx)
	if err != nil {
		return wire.Reply{}, err
	}
	return okf(229, "Entering Extended Passive Mode (|||%d|)", lease.AnnouncedPort())
}

// lease gets the data port that the next transfer takes its connection from.
func (s *session) lease(ctx context.Context) (*passive.Lease, error) {
	s.dropData() // the new lease may need its port
	req := passive.Request{
		Client: s.peer.Addr(), Local: s.localIP, Dialled: s.local.Addr(), Session: s.id,
		Announce: s.srv.inForce().Announce, HelloTimeout: s.srv.handshakeTimeout(), Logger: s.srv.log,
	}
	switch {
	case !s.private || s.ctl.bind == nil:
	case s.reuseDemanded() == tls.Off:
		req.Prover, req.Identity, req.Policy = s.srv.joint, s.ctl.bind.ID(), passive.Waived
	default:
		req.Prover, req.Identity, req.Owner = s.srv.joint, s.ctl.bind.ID(), s.owner
		req.SharesTickets, req.UntestedTickets = s.ctl.tls.Offered() == req.Owner, !s.keepsApart()
		req.Policy = s.demand()
	}
	lease, err := s.srv.ports.Lease(ctx, req)
	switch {
	case errors.Is(err, passive.ErrBusy):
		return nil, &dataError{425, "All data ports are taken; try again.", err}
	case err != nil:
		s.logOften(oftenNoPort, slog.LevelError, "no data port", "err", loggable(err))
		return nil, &dataError{425, "No data port available.", err}
	}
	s.setData(lease)
	s.port.Store(lease)
	if s.ctl.gone.Load() { // the command was sent ahead of the end
		s.abandon()
	}
	return lease, nil
}

// warnPrivate logs once if clients outside can't reach the announced address, and
// names the cure.
func (s *session) warnPrivate(announced netip.Addr) {
	if text := passive.Warn(s.peer.Addr(), announced); text != "" {
		s.srv.warnPrivate.Do(func() { s.srv.log.Warn(text, "client", s.peer.Addr(), "announced", announced) })
	}
}

// PORT h1,h2,h3,h4,p1,p2: RFC 959, section 4.1.2.
func (s *session) cmdPort(_ context.Context, arg string) (wire.Reply, error) {
	at, err := wire.ParsePort(arg)
	return s.active("PORT", at, err)
}

// EPRT |family|address|port|: RFC 2428, section 2.
func (s *session) cmdEprt(_ context.Context, arg string) (wire.Reply, error) {
	at, err := wire.ParseEPRT(arg)
	if errors.Is(err, wire.ErrProtocol) {
		return ok(522, "Network protocol not supported, use (1,2)")
	}
	return s.active("EPRT", at, err)
}

// active arms active mode. Anything but the client's own address would let
// the client make this server attack others (RFC 2577, section 3).
func (s *session) active(verb string, at netip.AddrPort, err error) (wire.Reply, error) {
	switch {
	case s.epsvAll:
		return ok(501, verb+" is not allowed after EPSV ALL.")
	case err != nil:
		return wire.Reply{}, err
	case s.srv.Active.InsecureAnyAddress:
	case at.Addr().Unmap() != s.peer.Addr().WithZone(""):
		s.logOften(oftenBounce, slog.LevelWarn, "bounce attempt refused", "verb", verb, "to", at)
		return ok(504, verb+" is allowed only to your own address.")
	case at.Port() < 1024:
		return ok(504, verb+" is allowed only to ports from 1024 up.")
	}
	if at.Addr().Unmap() == s.peer.Addr().WithZone("") {
		at = netip.AddrPortFrom(s.peer.Addr(), at.Port()) // with the zone of a link-local address
	}
	s.setData(&activeDialer{local: s.localIP, remote: at, how: s.srv.Active})
	return ok(200, verb+" accepted.")
}
