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

// Before login a session reads from the network readBurst times at once and one more
// time every readInterval, since input need not hold the end of a line.
const (
	readBurst    = 100
	readInterval = time.Second / 500
)

// After login a session may go on as fast as it likes up to this rate of commands or
// reads. Beyond the rate, it takes turns with other sessions that are busy.
const (
	busyBurst    = 50
	busyInterval = time.Millisecond
)

// rate is how fast something happened lately.
type rate struct{ until time.Time }

// ahead counts an event, and returns how much sooner the event came than the rate
// allows. Zero or less means that the rate allows the event. The rate is one event for
// each interval, and burst of them at once.
func (r *rate) ahead(burst int, interval time.Duration) time.Duration {
	now := time.Now()
	if r.until.Before(now) {
		r.until = now
	}
	r.until = r.until.Add(interval)
	most := time.Duration(burst) * interval
	early := r.until.Sub(now) - most
	if early > interval {
		r.until = now.Add(most + interval) // bounds the debt of a session that is not made to wait
	}
	return early
}

// pacing is how much a session has asked for lately. The rate of reads belongs to
// whoever holds the inbox, all else to the session's goroutine.
type pacing struct {
	asking, reading rate
	spent           spent  // see fair
	place           *place // held by a busy session, see pace; nil without
}

// pace holds up a session that asks for too much, before each of its commands.
func (s *session) pace() {
	if !s.loggedIn {
		if early := s.asking.ahead(paceBurst, paceInterval); early > 0 {
			s.sleep(early)
		}
		return
	}
	switch {
	case s.asking.ahead(busyBurst, busyInterval) <= 0:
	case s.place != nil:
		s.place.breathe()
	default:
		s.place = s.srv.fair.take(s.ctx, &s.spent)
	}
}

// paceDone gives back the place that pace took, after a command behind which no other
// waits: the client then waits for the reply, and nothing is computed.
func (s *session) paceDone() {
	if s.ctl.lines.Buffered() == 0 {
		s.givePlace()
	}
}

// givePlace gives back the place of a session that has one. It is for transfers too: a
// transfer waits for its client more than it computes, and the attendant meanwhile needs
// a place of its own.
func (s *session) givePlace() {
	if s.place != nil {
		s.place.give()
		s.place = nil
	}
}

// pacedControl reads the control connection, no faster than a session may.
type pacedControl struct{ s *session }

func (c pacedControl) Read(p []byte) (int, error) {
	s := c.s
	if s.isStranger() { // not loggedIn, because the attendant reads too
		if early := s.reading.ahead(readBurst, readInterval); early > 0 {
			s.sleep(early)
		}
	} else if s.reading.ahead(busyBurst, busyInterval) > 0 {
		place := s.srv.fair.take(s.ctx, &s.spent)
		defer place.give()
	}
	return s.ctl.conn.Read(p)
}
