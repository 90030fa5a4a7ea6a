package proxyproto

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/sallyport/sallyport/internal/nopanic"
)

// Kinds of refusals. Each has its own share of the log, lest scanners use up
// what an operator needs to find a balancer that is set up wrongly.
const (
	kindStranger = iota
	kindHeader
	kindCrowd
	kindPanic
	kinds
)

// refuse logs that a connection was refused, and tells Protocol.Refused of it. err is
// what was wrong with the header, or nil.
func (l *Listener) refuse(kind int, msg string, conn net.Conn, err error, args ...any) {
	p := l.protocol
	reason := errors.New("proxyproto: " + msg)
	if err != nil {
		args = append(args, "err", err)
		reason = fmt.Errorf("%w: %w", reason, err)
	}
	p.report(kind, msg, conn, args...)
	if p.Refused == nil || l.data {
		return
	}
	if err := nopanic.Do("Refused", func() error { p.Refused(conn, reason); return nil }); err != nil {
		p.report(kindPanic, "nobody was told of it", conn, "err", err)
	}
}

// report logs that a connection was refused.
func (p *Protocol) report(kind int, msg string, conn net.Conn, args ...any) {
	if p.Logger == nil {
		return
	}
	p.mu.Lock()
	ok, dropped := p.logs[kind].Allow()
	p.mu.Unlock()
	if !ok {
		return
	}
	args = append([]any{"from", conn.RemoteAddr().String(), "at", conn.LocalAddr().String()}, args...)
	if dropped > 0 {
		args = append(args, "unreported", dropped)
	}
	nopanic.Logger(p.Logger).Log(context.Background(), slog.LevelWarn, "connection refused: "+msg, args...)
}
