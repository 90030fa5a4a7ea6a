package proxy

import (
	"context"
	"log/slog"
	"net"
	"time"
)

// Kinds of refusals. Each has its own share of the log, lest scanners use up
// what an operator needs to find a balancer that is set up wrongly.
const (
	kindStranger = iota
	kindHeader
	kindCrowd
	kinds
)

// This many lines of a kind are written in this time, and the next one says how
// many were not.
const (
	logBurst  = 10
	logPeriod = time.Minute
)

// limiter lets a few events through per period.
type limiter struct {
	since   time.Time
	events  int
	dropped uint64
}

func (l *limiter) allow(now time.Time) (ok bool, dropped uint64) {
	if now.Sub(l.since) >= logPeriod {
		l.since, l.events = now, 0
	}
	if l.events == logBurst {
		l.dropped++
		return false, 0
	}
	l.events++
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}

// report logs that a connection was refused.
func (p *Protocol) report(kind int, msg string, conn net.Conn, args ...any) {
	if p.Logger == nil {
		return
	}
	p.mu.Lock()
	ok, dropped := p.logs[kind].allow(time.Now())
	p.mu.Unlock()
	if !ok {
		return
	}
	args = append([]any{"from", conn.RemoteAddr().String(), "at", conn.LocalAddr().String()}, args...)
	if dropped > 0 {
		args = append(args, "unreported", dropped)
	}
	p.Logger.Log(context.Background(), slog.LevelWarn, "connection refused: "+msg, args...)
}
