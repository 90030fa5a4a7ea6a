package passive

// effect is what the table has done to somebody, for those who watch the table.
type effect struct {
	kind   effectKind
	who    uint8 // the session
	conn   modelConn
	lease  modelSession // as it was before
	err    error
	wait   wait
	port   uint8
	proven bool
	asked  bool       // for helloBounded: a transfer has been; for queueMoved: somebody waits
	before modelState // for connGiven and connClosed: how it was before the rule was asked
}

type effectKind uint8

const (
	leaseGranted effectKind = iota // to who
	connGiven                      // who has a connection
	leaseEnded                     // the lease of who ended without
	connClosed                     // conn was closed
	waitStarted                    // wait of who
	waitStopped                    // wait of who
	helloBounded                   // conn must speak in time: its transfer was asked for, or may come at leisure
	shakeLimited                   // the turn of conn has a limit of time, since others wait
	shakeLingers                   // the handshake of conn has one, since the lease has ended
	portWasted                     // port was announced in vain to who lately
	claimStruck                    // a claim from conn's address failed
	queueMoved                     // a connection came for the queue
	leaseBusy                      // who got no port
)

func (m *model) note(e effect) { m.effects = append(m.effects, e) }
