package server

import (
	"context"
	"sync"
	"time"
)

const (
	// pieceTime is how long a piece of a limited transfer may take. It is short, so that
	// a client sees its transfer go on, and transfers that share a limit take turns
	// often.
	pieceTime = time.Second / 8
	// burstTime is how much time an account that moves nothing can save up, so that small
	// files don't wait.
	burstTime = time.Second / 8
)

// bucket bounds how many bytes per second move in one direction for an account, in all
// its transfers. Each piece that has moved books its time behind the pieces booked before
// it, so that all transfers have their turns. The zero value bounds nothing.
type bucket struct {
	mu     sync.Mutex
	rate   int64     // bytes per second, 0 for no limit
	booked time.Time // until when time is booked
	moved  int64     // bytes booked while there was a limit, without those of other processes
}

// setRate changes the limit for what moves from now on.
func (b *bucket) setRate(rate int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rate = rate
}

// book counts bytes that have moved and returns when their time is over.
func (b *bucket) book(n int64) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate <= 0 {
		return time.Time{}
	}
	b.moved += n
	return b.take(float64(n))
}

// take books the time of bytes that have moved. The caller holds mu, and there is a limit.
func (b *bucket) take(n float64) time.Time {
	if earliest := time.Now().Add(-burstTime); b.booked.Before(earliest) {
		b.booked = earliest
	}
	b.booked = b.booked.Add(time.Duration(n / float64(b.rate) * float64(time.Second)))
	return b.booked
}

// bookElsewhere books bytes that have moved in other processes within some time. More than
// the limit allows within that time was moved before it, and is paid for.
func (b *bucket) bookElsewhere(n int64, within time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if most := float64(b.rate) * within.Seconds(); b.rate > 0 && n > 0 {
		b.take(min(float64(n), most))
	}
}

// total returns how many bytes were booked while there was a limit.
func (b *bucket) total() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.moved
}

// piece returns how many bytes may move at once, at least one and no more than a part of a
// download, so that all kinds of transfers have equal turns.
func (b *bucket) piece() (n int64, limited bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return min(max(b.rate/int64(time.Second/pieceTime), 1), sendChunk), b.rate > 0
}

// owed returns how long it takes until the bucket is as good as a new one: until its debt
// is paid, and as much time is saved up as may be.
func (b *bucket) owed() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate <= 0 {
		return 0
	}
	return time.Until(b.booked.Add(burstTime))
}

// meter lets the bytes of one transfer pass at the rate of a bucket. The bucket may get
// a rate, or lose it, while the transfer runs. A nil meter lets everything pass at once.
type meter struct {
	from *bucket
	next time.Time // when the next piece may move
}

// newMeter begins a transfer behind the time that is booked.
func newMeter(from *bucket) *meter { return &meter{from, from.book(0)} }

// wait waits until the next piece may move, or ctx ends. It returns how many bytes the
// piece may have, most at most. The wait does not count towards DataTimeout, which is for
// clients that stall.
func (m *meter) wait(ctx context.Context, most int64) (piece int64, err error) {
	if m == nil {
		return most, nil
	}
	if d := time.Until(m.next); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	if n, limited := m.from.piece(); limited {
		most = min(most, n)
	}
	return most, nil
}

// moved books a piece that has moved. It reports whether there is a limit now.
func (m *meter) moved(n int64) (limited bool) {
	if m == nil {
		return false
	}
	m.next = m.from.book(n)
	return !m.next.IsZero()
}

// meter returns the meter of a transfer of the session, nil before the login.
func (s *session) meter(upload bool) *meter {
	switch {
	case s.holding == nil:
		return nil
	case upload:
		return newMeter(&s.holding.up)
	}
	return newMeter(&s.holding.down)
}
