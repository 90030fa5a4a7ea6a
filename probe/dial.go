package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// budget bounds the number of connections. It is safe for concurrent use, since [run.reach] dials concurrently.
type budget struct {
	mu   sync.Mutex
	left int
	more bool // more connections than the limit were wanted
}

var errBudget = errors.New("the limit of connections is reached")

func (b *budget) take() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left == 0 {
		b.more = true
		return errBudget
	}
	b.left--
	return nil
}

// ended reports whether a connection was not made because of the limit.
func (b *budget) ended() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.more
}

// dial connects within the timeout. The callers pass addresses of Host only: the probe connects to nobody else.
func (r *run) dial(addr netip.Addr, port uint16) (*tap, error) {
	if err := r.conns.take(); err != nil {
		return nil, err
	}
	return r.dialWithin(addr, port, r.Timeout)
}

// dialWithin connects within limit. It doesn't count against the budget.
func (r *run) dialWithin(addr netip.Addr, port uint16, limit time.Duration) (*tap, error) {
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	conn, err := r.Dial(ctx, "tcp", netip.AddrPortFrom(addr, port).String())
	if err != nil {
		return nil, err
	}
	t := &tap{Conn: conn}
	t.stop = context.AfterFunc(r.ctx, func() { conn.Close() })
	return t, nil
}

// state is what an attempt to connect tells about a port.
type state string

const (
	stateOpen     state = "open"
	stateRefused  state = "refused"  // the host answers, but nobody listens
	stateFiltered state = "filtered" // no answer, or one from a firewall
	stateNoRoute  state = "no route" // this machine cannot even try
	stateUnknown  state = "unknown"
)

// wsaRefused is the error of Windows for ECONNREFUSED.
const wsaRefused = syscall.Errno(10061)

// stateOf returns the state of a port after a dial that returned err.
func stateOf(err error) state {
	var timeout net.Error
	switch {
	case err == nil:
		return stateOpen
	case errors.Is(err, errBudget), errors.Is(err, context.Canceled):
		return stateUnknown
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, wsaRefused), errors.Is(err, syscall.ECONNRESET):
		return stateRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return stateNoRoute
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return stateFiltered
	}
	return stateUnknown
}

// tap is a TCP connection that notes whether FIN came, and keeps the end of what was read. crypto/tls stops reading at
// close_notify, so a FIN means that there was none. What was read last may be clear text in which a server that gives
// up TLS says why.
type tap struct {
	net.Conn
	stop func() bool

	mu   sync.Mutex
	tail []byte
	fin  bool
}

const tailSize = 512

func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tail = append(t.tail, p[:n]...)
	if len(t.tail) > tailSize {
		t.tail = append(t.tail[:0], t.tail[len(t.tail)-tailSize:]...)
	}
	t.fin = t.fin || err == io.EOF
	return n, err
}

// Close also ends the watch over the context.
func (t *tap) Close() error {
	t.stop()
	return t.Conn.Close()
}

// unfinished reports whether the connection ended without close_notify.
func (t *tap) unfinished() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fin
}

// explain adds to an error of TLS the clear text that has caused it, if any has.
func (t *tap) explain(err error) error {
	var record tls.RecordHeaderError
	if !errors.As(err, &record) {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := bytes.LastIndex(t.tail, record.RecordHeader[:])
	if i < 0 {
		return err
	}
	text := string(t.tail[i:])
	if strings.IndexFunc(text[:len(record.RecordHeader)], func(c rune) bool { return c < ' ' || c > '~' }) >= 0 {
		return err
	}
	return &clearTextError{strings.TrimSpace(text)}
}

// clearTextError means that clear text came where TLS was expected.
type clearTextError struct{ text string }

func (e *clearTextError) Error() string {
	return fmt.Sprintf("clear text instead of TLS: %q", clean(e.text))
}
