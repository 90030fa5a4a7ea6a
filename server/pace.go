package server

import "time"

// Before login a session has paceBurst commands at once and one more every
// paceInterval: never more than 100 in a second, and no client needs that many
// to log in. A few strangers who send commands without waiting for replies would
// otherwise take all of the machine.
const (
	paceBurst    = 20
	paceInterval = time.Second / (100 - paceBurst)
)

// After login a session may go on as fast as it likes, but beyond this rate it
// takes turns with others that are busy.
const (
	busyBurst    = 50
	busyInterval = time.Millisecond
)

// pace is called before each command.
func (s *session) pace() {
	burst, interval := paceBurst, paceInterval
	if s.loggedIn {
		burst, interval = busyBurst, busyInterval
	}
	now := time.Now()
	if s.paced.Before(now) {
		s.paced = now
	}
	ahead := s.paced.Add(interval).Sub(now) - time.Duration(burst)*interval
	switch {
	case ahead <= 0:
		s.paced = s.paced.Add(interval)
	case !s.loggedIn:
		s.paced = s.paced.Add(interval)
		s.sleep(ahead)
	case s.place != nil:
		s.place.breathe()
	default:
		s.place = s.srv.fair.take(s.ctx)
	}
}

// paceDone is called after each command. A client that waits for the reply is not
// computing.
func (s *session) paceDone() {
	if s.place != nil && s.lines.Buffered() == 0 {
		s.place.give()
		s.place = nil
	}
}
