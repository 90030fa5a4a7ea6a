package passive

// effect is something that the table has done to a session or a connection, for
// the tests that watch the table.
type effect struct {
	kind   effectKind
	who    uint8 // the session
	conn   modelConn
	lease  modelSession // as it was before
	err    error
	wait   wait
	port   uint8
	proven bool
	asked  bool       // for helloBounded: a transfer was asked for; for queueMoved: a session waits
	before modelState // for connGiven and connClosed: the table before the rule was asked
}

type effectKind uint8

const (
	leaseGranted effectKind = iota // who was granted a lease
	connGiven                      // who was given conn
	leaseEnded                     // the lease of who ended without a connection
	connClosed                     // conn was closed
	waitStarted                    // wait of who
	waitStopped                    // wait of who
	helloBounded                   // conn has a time to speak, which is short if a transfer was asked for
	shakeLimited                   // the turn of conn has a limit of time, since others wait
	shakeLingers                   // the handshake of conn has a limit of time, since its lease has ended
	portWasted                     // port was announced in vain to who lately
	claimStruck                    // a claim from conn's address failed
	queueMoved                     // a connection came for the queue
	leaseBusy                      // who got no port
)

func (m *model) note(e effect) { m.effects = append(m.effects, e) }
