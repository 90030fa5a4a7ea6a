package probe

import (
	"bytes"
	"crypto/tls"
	"strings"
	"time"
)

// data lists the directory in the ways that clients do, and judges how the server copes. It returns the session to go
// on with, or nil.
func (r *run) data(c *control) *control {
	if !r.modes.epsv && !r.modes.pasv {
		return c
	}
	command := strings.TrimSpace("LIST " + r.Path)
	usual := r.transfer(c, manner{command: command, resume: true})
	if usual.late {
		if c = r.patiently(c, &usual); c == nil {
			return nil
		}
	}
	if usual.opened {
		r.slow, r.late = usual.slow, usual.late
	}
	if stop := r.judgeReach(c, &usual); stop {
		return r.still(c, &usual)
	}
	r.describe(c, &usual)
	if !c.private {
		r.judgeClear(c, &usual)
		return r.still(c, &usual)
	}
	first := c // names the port and the certificate, even if it is closed
	var early, fresh transfer
	if usual.ok() {
		early, c = r.attempt(c, manner{command: command, resume: true, helloFirst: true})
	} else {
		c = r.still(c, &usual)
	}
	if c = r.anew(c); c != nil { // a session that has resumed may have to again
		fresh, c = r.attempt(c, manner{command: command})
	}
	if c != nil && !usual.ok() && fresh.ok() {
		usual, c = r.retry(c, manner{command: command, resume: true}, &usual)
	}
	if fresh.command != "" {
		r.closed(first, &early)
		r.closed(first, &fresh)
		r.judgeTLS(first, &usual, &early, &fresh)
		r.judgeEarly(first, &usual, &early, &fresh)
	}
	return c
}

// attempt does a transfer and, if it fails and the reply doesn't say why, does it once more in another session, since
// one failure may be chance. It returns the last transfer, and the session to go on with, or nil.
func (r *run) attempt(c *control, m manner) (transfer, *control) {
	t := r.transfer(c, m)
	if t.ok() || !t.dialled() || wantsReuse(&t) {
		return t, r.still(c, &t)
	}
	if c = r.anew(c); c == nil {
		return t, nil
	}
	return r.retry(c, m, &t)
}

// retry repeats a transfer that has failed, and makes a finding if it works now.
func (r *run) retry(c *control, m manner, failed *transfer) (transfer, *control) {
	t := r.transfer(c, m)
	if t.ok() {
		r.find(c.port, TransferUnsteady, "once: %s; then the same again: %s", failed.reason(), said(t.final))
	}
	if !t.dialled() { // nothing but the first failure is known
		r.closed(c, &t)
		return *failed, r.still(c, &t)
	}
	return t, r.still(c, &t)
}

// anew ends a session and opens another one like it. It returns nil if c is nil or if that fails.
func (r *run) anew(c *control) *control {
	if c == nil {
		return nil
	}
	c.close()
	return r.again(c)
}

// patiently repeats a listing whose 150 came only after the ClientHello. So it tells a server that waits for the
// ClientHello from a slow one, which sends 150 without it, too. It returns the session to go on with, or nil.
func (r *run) patiently(c *control, usual *transfer) *control {
	if c = r.still(c, usual); c == nil {
		return nil
	}
	r.slow = usual.waited + usual.slow
	again := r.transfer(c, manner{command: usual.command, resume: true})
	switch {
	case !again.dialled():
		r.closed(c, &again)
		usual.late = false // can't be told
	case again.ok() || !usual.ok():
		*usual = again
	case again.opened:
		usual.late = again.late
	}
	return r.still(c, &again)
}

// still returns the session or, if it was lost with the transfer, a new one like it.
func (r *run) still(c *control, t *transfer) *control {
	if t.err == nil && t.ok() {
		return c
	}
	if t.err == nil {
		if _, err := c.try("NOOP"); err == nil {
			return c
		}
	}
	c.close()
	if r.ctx.Err() != nil {
		return nil
	}
	r.fact(c.port, "session ended after", "%s", t.reason())
	return r.again(c)
}

// judgeEarly judges a transfer that started TLS before its command and failed, although usual has worked. It makes no
// finding if fresh, done afterwards in the usual order, failed as well: unless the server refused fresh only since it
// demands resumption, which early did not lack.
func (r *run) judgeEarly(c *control, usual, early, fresh *transfer) {
	if !usual.ok() || early.ok() || !early.dialled() || !fresh.dialled() {
		return
	}
	if !fresh.ok() && (!wantsReuse(fresh) || early.tlsErr == nil && early.state.Version != 0 && !early.state.DidResume) {
		return
	}
	r.find(c.port, EarlyHello, "ClientHello before LIST: %s; after 150: %s", early.reason(), usual.reason())
}

// judgeReach judges a transfer up to its data connection, and reports whether there is nothing more to judge.
func (r *run) judgeReach(c *control, t *transfer) (stop bool) {
	switch {
	case t.offer.port == 0 && t.err != nil:
		c.lost(t.offer.verb, t.err)
	case t.noPort():
		r.closed(c, t)
	case t.dialled() && t.denied():
		r.find(c.port, ListRefused, "%s", said(t.final))
	case t.dialled():
		return false
	case len(r.knocks.open()) > 0:
		r.closed(c, t)
	case t.dial.state == stateRefused:
		r.find(c.port, DataRefused, "%s named port %d; %v", t.offer.verb, t.offer.port, t.dial.err)
	case t.dial.state == stateFiltered:
		r.find(c.port, DataFiltered, "%s named port %d; no answer from there: %v", t.offer.verb, t.offer.port, t.dial.err)
	default:
		r.find(c.port, DataError, "%s named port %d; %v", t.offer.verb, t.offer.port, t.dial.err)
	}
	return true
}

// closed makes a finding if a transfer got no data connection although others did: the server named no port, or the
// port could not be connected to.
func (r *run) closed(c *control, t *transfer) {
	switch {
	case t.command == "" || t.dialled() || t.err != nil:
	case t.noPort():
		r.find(c.port, TransferFailed, "%s", t.reason())
	default:
		r.find(c.port, PortsDead, "%s named port %d: %v; other data connections were made", t.offer.verb, t.offer.port, t.dial.err)
	}
}

// describe notes what the first transfer shows.
func (r *run) describe(c *control, t *transfer) {
	r.fact(c.port, "data port", "%d: %s", t.offer.port, t.dial.state)
	if !c.private || !t.opened || t.tlsErr != nil {
		return
	}
	order := "150 before the ClientHello"
	switch {
	case t.late:
		order = "150 after the ClientHello"
		r.find(c.port, LateHelloNeeded, "150 did not come within %v, and came when the handshake began", t.waited.Round(time.Second))
	case t.waited > 0:
		order = "not known: 150 took long once"
	}
	r.fact(c.port, "data order", "%s", order)
	if t.state.Version != 0 {
		r.fact(c.port, "data tls", "%s, resumed: %t", tls.VersionName(t.state.Version), t.state.DidResume)
	}
	if t.ok() && t.bare {
		r.find(c.port, DataTruncated, "%d bytes of a listing, then the end of the TCP connection", len(t.data))
	}
}

func (r *run) judgeClear(c *control, t *transfer) {
	if t.ok() {
		r.find(c.port, DataWorks, "a listing of %d bytes, in clear", len(t.data))
		return
	}
	r.failed(c, t)
}

// judgeTLS compares a transfer that offered to resume with one that did not.
func (r *run) judgeTLS(c *control, usual, early, fresh *transfer) {
	switch {
	case usual.ok():
		r.find(c.port, DataWorks, "a listing of %d bytes; session resumed: %t", len(usual.data), usual.state.DidResume)
		if fresh.dialled() && !fresh.ok() {
			r.judgeFresh(c, usual, early, fresh)
		}
	case fresh.ok():
		r.find(c.port, ReuseHarmful, "with the control connection's session: %s; without: %s", usual.reason(), said(fresh.final))
	case wantsReuse(usual) || wantsReuse(fresh):
		r.find(c.port, ReuseRequired, "%s; the server gave %d tickets, resumed: %t", usual.reason(), r.tickets.count(),
			usual.state.DidResume)
		r.find(c.port, DataTLS, "%s", usual.reason())
	default:
		r.failed(c, usual)
	}
	if usual.ok() && !usual.state.DidResume {
		r.find(c.port, ReuseNone, "%d tickets were given on the control connection and the data connection", r.tickets.count())
	}
	if other := fresh.state.PeerCertificates; fresh.ok() && len(other) > 0 {
		if own := c.state().PeerCertificates; !bytes.Equal(own[0].Raw, other[0].Raw) {
			r.find(c.port, DataCert, "control: %s; data: %s", strings.Join(names(own[0]), ", "), strings.Join(names(other[0]), ", "))
		}
	}
}

// judgeFresh judges a transfer that failed without resumption, while one that offered resumption works. Only the
// server's words tell that resumption is required: a full handshake differs also in that it takes larger packets.
func (r *run) judgeFresh(c *control, usual, early, fresh *transfer) {
	seen := "without resuming: " + fresh.reason()
	switch {
	case wantsReuse(fresh):
		r.find(c.port, ReuseRequired, "%s", seen)
	case fresh.stalled():
		r.find(c.port, DataStalls, "%s; session resumed: %t, a listing of %d bytes came", seen, usual.state.DidResume, len(usual.data))
	case !usual.state.DidResume, !early.ok() && !wantsReuse(early), fresh.dataErr != nil:
		r.failed(c, fresh) // resumption has made no difference
	default:
		r.find(c.port, FullHandshake, "%s", seen)
	}
}

// wantsReuse reports whether the final reply says that the TLS session has to be resumed. It knows the texts of vsftpd,
// ProFTPD (the last text), FileZilla Server and this module's server.
func wantsReuse(t *transfer) bool {
	text := strings.ToLower(strings.Join(t.final.Lines, " "))
	return t.final.Code >= 400 && (strings.Contains(text, "reuse") || strings.Contains(text, "resum") ||
		strings.Contains(text, "unable to build data connection: operation not permitted"))
}

// failed makes the finding for a transfer that failed after its data connection was made.
func (r *run) failed(c *control, t *transfer) {
	switch {
	case isTimeout(t.dataErr):
		r.find(c.port, DataStalls, "port %d opened; then %s", t.offer.port, t.reason())
	case t.dataErr != nil && t.final.Code < 400:
		r.find(c.port, DataBroken, "port %d opened; then %s", t.offer.port, t.reason())
	case t.err != nil, isTimeout(t.tlsErr):
		r.find(c.port, DataCut, "port %d opened; then %s", t.offer.port, t.reason())
	case t.tlsErr != nil:
		r.find(c.port, DataTLS, "%s", t.reason())
	default:
		r.find(c.port, TransferFailed, "%s", t.reason())
	}
}
