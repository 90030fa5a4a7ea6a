package probe

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// maxData bounds how much of a download is read, in bytes.
const maxData = 64 << 10

// maxMoving bounds how long a download is read that goes on and on, each read taking less than Timeout.
const maxMoving = time.Minute

// manner says how to do a transfer, in the ways that clients differ in.
type manner struct {
	command    string
	payload    []byte // what to upload; nil for a download
	resume     bool   // offer the TLS session of the control connection
	helloFirst bool   // start TLS before the command, not after 150
}

// transfer is what was observed during a transfer.
type transfer struct {
	command string
	offer   offer
	dial    reached
	opened  bool          // 150 came
	late    bool          // 150 came only after the ClientHello
	waited  time.Duration // how long the probe waited for 150 before it started TLS
	slow    time.Duration // how long the server took for 150, from the ClientHello on if it is late
	tlsErr  error
	state   tls.ConnectionState
	data    []byte
	dataErr error // the error that ended the data too early
	cut     bool  // the probe stopped after maxData or maxMoving
	bare    bool  // the data ended without close_notify
	final   wire.Reply
	err     error // set if the session is lost
}

// dialled reports whether the data connection was made. Without it nothing else can be told about the transfer.
func (t *transfer) dialled() bool { return t.dial.state == stateOpen }

// ok reports whether the transfer succeeded, or was going well when the probe stopped it.
func (t *transfer) ok() bool {
	return t.err == nil && t.tlsErr == nil && t.dataErr == nil && (t.final.Code/100 == 2 || t.cut)
}

// denied reports whether the final reply blames the command, the file or the right to it, and not the connection.
func (t *transfer) denied() bool {
	switch t.final.Code {
	case 450, 452, 501, 504, 532, 550, 551, 552, 553:
		return t.err == nil && t.tlsErr == nil && t.dataErr == nil
	}
	return false
}

// stalled reports whether silence on the data connection ended the transfer, in the handshake or after it.
func (t *transfer) stalled() bool { return isTimeout(t.tlsErr) || isTimeout(t.dataErr) }

// noPort reports whether the server named no port for the transfer, though the session is alive.
func (t *transfer) noPort() bool { return t.err == nil && t.offer.port == 0 }

// reason returns why a transfer failed.
func (t *transfer) reason() string {
	text := said(t.final)
	switch {
	case t.err != nil && !t.opened:
		text = "no reply to the command: " + why(t.err)
	case t.err != nil:
		text = "no final reply: " + why(t.err)
	case t.offer.port == 0:
		text = t.offer.verb + ": " + text
	}
	switch {
	case t.tlsErr != nil:
		text += " (TLS: " + why(t.tlsErr) + ")"
	case t.dataErr != nil:
		text += fmt.Sprintf(" (data: %s, after %d bytes)", why(t.dataErr), len(t.data))
	}
	return text
}

// target returns the offer with the address to dial: the announced one if Host has it, else that of the control
// connection.
func (r *run) target(o offer) offer {
	if !slices.Contains(r.addrs, o.addr) {
		o.addr = r.addr
	}
	return o
}

// askAgain bounds how often a transfer asks for another port after getting one that is known to be dead.
const askAgain = 20

// transfer asks for a port, connects to it and sends a command.
func (r *run) transfer(c *control, m manner) (t transfer) {
	verb := "EPSV"
	if !r.modes.epsv || r.modes.pasv && !m.resume { // so that each of the two carries a transfer
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
	if isTimeout(t.dataErr) {
		r.overtaken(c, d, &t)
	}
	d.close()
	if t.err == nil && t.final.Code == 0 {
		r.last(c, &t)
	}
	return t
}

// overtaken checks, after silence on the data connection, whether the server says that the transfer is complete. Then
// all its data have to arrive. If it says nothing, either the server is slow or the data are lost on the way.
func (r *run) overtaken(c *control, d *dataConn, t *transfer) {
	reply, err := c.read(r.patience())
	switch {
	case isTimeout(err):
	case err != nil:
		t.err = err
	default:
		if t.final = reply; reply.Code/100 == 2 {
			d.fetch(t)
		}
	}
}

// maxSecond is longer than servers wait for another data connection after a failed handshake; 30 s is usual.
const maxSecond = 35 * time.Second

// last reads the final reply. After a failed handshake a server may first wait for another data connection; ABOR ends
// that wait.
func (r *run) last(c *control, t *transfer) {
	limit := r.Timeout
	var alert *net.OpError
	switch {
	case errors.As(t.tlsErr, &alert) && alert.Op == "remote error": // only the reply tells why the server refused
		limit = max(r.Timeout, maxSecond)
	case t.tlsErr != nil:
		limit = r.patience()
	}
	if t.final, t.err = c.read(limit); t.tlsErr == nil || !isTimeout(t.err) {
		return
	}
	if t.err = c.send("ABOR"); t.err != nil {
		return
	}
	if t.final, t.err = c.read(r.Timeout); t.err == nil && t.final.Code/100 == 4 {
		_, t.err = c.read(r.patience()) // the reply to ABOR itself, if there are two (RFC 959, section 4.1.3)
		if isTimeout(t.err) {
			t.err = nil
		}
	}
}

// preliminary waits for 150, longer than earlier transfers had to. If 150 doesn't come, it starts TLS to see whether
// the server waits for that.
func (r *run) preliminary(c *control, d *dataConn, m manner, t *transfer) {
	limit := r.Timeout + r.slow
	patience := limit
	if c.private && !m.helloFirst && (r.slow == 0 || r.late) {
		patience = r.patience()
	}
	began := time.Now()
	reply, err := c.read(patience)
	if isTimeout(err) && d.private && !m.helloFirst {
		t.waited = time.Since(began)
		began = time.Now()
		d.start()
		reply, err = c.read(limit)
		t.late = err == nil && reply.Code/100 == 1
	}
	switch {
	case err != nil:
		t.err = err
	case reply.Code/100 == 1:
		t.opened, t.slow = true, time.Since(began)
	default:
		t.final = reply
	}
}

// dataConn is a data connection, on which TLS is started later.
type dataConn struct {
	run     *run
	raw     *tap
	conn    net.Conn
	private bool
	resume  bool
	done    chan struct{} // is closed when the handshake is over; nil before its start
	err     error
}

// start starts the handshake, unless data connections are in clear or it was started before.
func (d *dataConn) start() {
	if !d.private || d.done != nil {
		return
	}
	cfg := d.run.tlsConfig()
	if d.resume {
		cfg.ClientSessionCache = d.run.tickets
	}
	limit := d.run.Timeout + d.run.slow // some servers answer the ClientHello only after 150
	d.done = make(chan struct{})
	go func() {
		defer close(d.done)
		conn, err := d.run.handshake(d.raw, cfg, limit)
		if d.err = err; err == nil {
			d.conn = conn
		}
	}()
}

// wait waits until the handshake is over and returns its error.
func (d *dataConn) wait() error {
	if d.done == nil {
		return nil
	}
	<-d.done
	return d.err
}

// move sends the payload, or reads a download.
func (d *dataConn) move(payload []byte, t *transfer) {
	if sec, ok := d.conn.(*tls.Conn); ok {
		t.state = sec.ConnectionState()
	}
	_ = d.raw.SetWriteDeadline(time.Now().Add(d.run.Timeout))
	if payload != nil {
		_, t.dataErr = d.conn.Write(payload)
		return
	}
	d.fetch(t)
}

// fetch reads a download to its end. It may be called again after a time-out.
func (d *dataConn) fetch(t *transfer) {
	buf := make([]byte, maxData/4)
	for end := time.Now().Add(maxMoving); len(t.data) < maxData && time.Now().Before(end); {
		_ = d.raw.SetReadDeadline(time.Now().Add(d.run.Timeout))
		var n int
		n, t.dataErr = d.conn.Read(buf[:min(len(buf), maxData-len(t.data))])
		t.data = append(t.data, buf[:n]...)
		if t.dataErr == io.EOF {
			t.dataErr, t.bare = nil, d.private && d.raw.unfinished()
			return
		}
		if t.dataErr != nil {
			return
		}
	}
	t.cut = true
}

// close closes the connection, and so ends a handshake under way. It closes right after the last byte of an upload, as
// many clients do: servers have to cope with that.
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
