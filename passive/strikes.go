package passive

import (
	"fmt"
	"time"
)

// Limits of failed claims. A claim from another address that fails is refused and ends no lease. A failed claim from
// the client's own address may be the client's, which has to hear that its ticket could not be resumed. So such a claim
// counts, but only a few times: after fewStrikes of one network within a minute, or to one session within an hour,
// further failed claims end no lease. After maxStrikes, connections from addresses of a network that have no lease are
// refused unread. The memory is bounded; what is forgotten is counted anew.
const (
	fewStrikes       = 3
	maxStrikes       = 10
	strikeFor        = time.Minute
	sessionStrikeFor = time.Hour
	strikeLimit      = 4096
)

// strike counts a failed claim to a lease against the network that it came from, and against the session if it may be
// the session's own. err is why the handshake failed, nil if there was none. The caller holds mu.
func (p *Ports) strike(l *Lease, c *candidate, err error) {
	few := p.strikes.add(network(c.from), strikeFor) <= fewStrikes
	if !l.near(c) {
		return
	}
	few = p.sessionStrikes.add(l.identity(), sessionStrikeFor) <= fewStrikes && few
	l.over[forAnother] = false
	l.stop(forAnother)
	l.failed = few
	if few || l.lost == nil {
		l.lost = ErrUnproven
		if err != nil {
			l.lost = fmt.Errorf("%w: %w", ErrUnproven, err)
		}
	}
}

// strikes counts failed claims: from a network, or to a session. Ready when zero; guarded by Ports.mu.
type strikes[K comparable] map[K]strike

type strike struct {
	n     int
	until time.Time
}

// add counts a failed claim and returns how many there were since the first, this one included. The count begins anew
// when within has passed since the first.
func (s *strikes[K]) add(of K, within time.Duration) int {
	if *s == nil || len(*s) >= strikeLimit {
		*s = make(strikes[K])
	}
	now := time.Now()
	k := (*s)[of]
	if now.After(k.until) {
		k = strike{until: now.Add(within)}
	}
	k.n++
	(*s)[of] = k
	return k.n
}

// many reports whether more than some failed claims were counted lately.
func (s strikes[K]) many(of K, some int) bool {
	k, ok := s[of]
	return ok && k.n > some && time.Now().Before(k.until)
}
