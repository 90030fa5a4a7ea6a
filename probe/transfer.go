package probe

import (
	"cmp"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// maxData is how much of a download is read.
const maxData = 64 << 10

// manner says how to do a transfer, as far as clients differ.
type manner struct {
	command    string
	payload    []byte // to be sent; nil is a download
	resume     bool   // offer the TLS session of the control connection
	helloFirst bool   // start TLS before the command, not after 150
	// wait is how long 150 is waited for before TLS is tried, 0 for the usual time.
	wait time.Duration
}

// transfer is what was observed of a transfer.
type transfer struct {
	command string
	offer   offer
	dial    reached
	opened  bool          // 150 came
	late    bool          // and only after the ClientHello
	waited  time.Duration // for 150, before TLS was tried
	after   time.Duration // how long after the command it came
	tlsErr  error
	state   tls.ConnectionState
	data    []byte
	cut     bool // by the probe, after maxData
	bare    bool // the end came without close_notify
	final   wire.Reply
	err     error // the session is lost
}

// dialled reports whether the data connection was made, without which nothing else can be told about a transfer.
func (t *transfer) dialled() bool { return t.dial.state == stateOpen }

// ok reports whether the transfer succeeded, or went well until the probe cut it.
func (t *transfer) ok() bool {
	return t.err == nil && t.tlsErr == nil && (t.final.Code/100 == 2 || t.cut)
}

// denied reports whether the final reply blames the command, the file or the right to it, and not the connection.
func (t *transfer) denied() bool {
	switch t.final.Code {
	case 450, 452, 501, 504, 532, 550, 551, 552, 553:
		return t.err == nil && t.tlsErr == nil
	}
	return false
}

// reason returns why a transfer failed.
func (t *transfer) reason() string {
	switch {
	case t.err != nil:
		return "no final reply: " + why(t.err)
	case t.tlsErr != nil:
		return said(t.final) + " (TLS: " + why(t.tlsErr) + ")"
	}
	return said(t.final)
}

// target returns the address to dial: what is announced if it is one of Host's, else what was dialled before.
func (r *run) target(o offer) offer {
	if !slices.Contains(r.addrs, o.addr) {
		o.addr = r.addr
	}
	return o
}

// askAgain is how often a transfer asks for a port that is not known to be dead.
const askAgain = 20

// transfer asks for a port, connects to it and sends a command.
func (r *run) transfer(c *control, m manner) (t transfer) {
	verb := "EPSV"
	if !r.modes.epsv || r.modes.pasv && !m.resume { // each of them carries a transfer
		verb = "PASV"
	}
	t.command = m.command
	for range askAgain {
		var reply wire.Reply
		if t.offer, reply, t.err = c.ask(verb); t.err != nil || t.offer.port == 0 {
			t.final = reply
			return t
		}
		r.modes.note(t.offer)
		if !r.knocks.avoid(t.offer.port) {
			break
		}
	}
	t.offer = r.target(t.offer)
	raw, err := r.dial(t.offer.addr, t.offer.port)
	if t.dial = (reached{stateOf(err), err}); err != nil {
		return t
	}
	d := &dataConn{run: r, raw: raw, conn: raw, private: c.private, resume: m.resume}
	defer d.close()
	if m.helloFirst {
		d.start()
	}
	if t.err = c.send("%s", m.command); t.err != nil {
		return t
	}
	r.preliminary(c, d, m, &t)
	if t.err != nil || t.final.Code != 0 {
		return t
	}
	d.start()
	if t.tlsErr = d.wait(); t.tlsErr == nil {
		d.move(m.payload, &t)
	}
	d.close()
	r.last(c, &t)
	return t
}

// last reads the final reply. A server that has refused the handshake may wait for another connection before it says
// so; ABOR ends that.
func (r *run) last(c *control, t *transfer) {
	limit := r.Timeout
	if t.tlsErr != nil {
		limit = r.patience()
	}
	if t.final, t.err = c.read(limit); t.tlsErr == nil || !isTimeout(t.err) {
		return
	}
	if t.err = c.send("ABOR"); t.err != nil {
		return
	}
	if t.final, t.err = c.read(r.Timeout); t.err == nil && t.final.Code/100 == 4 {
		_, t.err = c.read(r.patience()) // the reply to ABOR itself, where there are two (RFC 959, section 4.1.3)
		if isTimeout(t.err) {
			t.err = nil
		}
	}
}

// preliminary waits for 150. Where it does not come it starts TLS, to see whether the server waits for that.
func (r *run) preliminary(c *control, d *dataConn, m manner, t *transfer) {
	patience, began := cmp.Or(m.wait, r.patience()), time.Now()
	if m.helloFirst || !c.private {
		patience = r.Timeout
	}
	reply, err := c.read(patience)
	defer func() { t.after = time.Since(began) }()
	if isTimeout(err) && d.private && !m.helloFirst {
		t.waited = time.Since(began)
		d.start()
		reply, err = c.read(r.Timeout)
		t.late = err == nil && reply.Code/100 == 1
	}
	switch {
	case err != nil:
		t.err = err
	case reply.Code/100 == 1:
		t.opened = true
	default:
		t.final = reply
	}
}

// dataConn is a data connection, on which TLS is started when the time has come.
type dataConn struct {
	run     *run
	raw     *tap
	conn    net.Conn
	private bool
	resume  bool
	done    chan struct{} // closed when the handshake is over; nil before it was started
	err     error
}

// start begins the handshake, if there is to be one.
func (d *dataConn) start() {
	if !d.private || d.done != nil {
		return
	}
	cfg := d.run.tlsConfig()
	if d.resume {
		cfg.ClientSessionCache = d.run.tickets
	}
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		conn, err := d.run.handshake(d.raw, cfg)
		if d.err = err; err == nil {
			d.conn = conn
		}
	}()
}

// wait returns when the handshake is over.
func (d *dataConn) wait() error {
	if d.done == nil {
		return nil
	}
	<-d.done
	return d.err
}

// move sends or fetches the data.
func (d *dataConn) move(payload []byte, t *transfer) {
	if sec, ok := d.conn.(*tls.Conn); ok {
		t.state = sec.ConnectionState()
	}
	_ = d.raw.SetDeadline(time.Now().Add(d.run.Timeout))
	if payload != nil {
		_, _ = d.conn.Write(payload) // the final reply tells whether it arrived
		return
	}
	t.data, _ = io.ReadAll(io.LimitReader(d.conn, maxData))
	t.cut = len(t.data) == maxData
	t.bare = d.private && !t.cut && d.raw.unfinished()
}

// close ends the connection, and thereby a handshake that is going on. An uploader that closes right after its last
// byte, as many do, is what servers have to cope with.
func (d *dataConn) close() {
	if d.done != nil {
		select {
		case <-d.done:
		default:
			_ = d.raw.Close()
			<-d.done
		}
	}
	_ = d.conn.Close()
	_ = d.raw.Close()
}
