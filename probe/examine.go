package probe

import (
	"errors"
	"io"
	"time"
)

// examine examines one open control port: the first port as far as the server lets it, and other ports for what
// may differ from the first.
func (r *run) examine(port uint16) {
	c := r.greet(port)
	if c == nil {
		return
	}
	end := r.inside(c)
	if end != nil {
		end.bye()
	}
	c.close()
	if !c.heard || r.ctx.Err() != nil { // a failed handshake would say nothing about versions
		return
	}
	r.versions(c)
	if !c.implicit {
		r.inClear(c)
	}
}

// inside examines a session from the greeting on, as far as the server lets it. It returns the session that is
// left, nil if none is.
func (r *run) inside(c *control) *control {
	if !c.implicit && !r.startTLS(c) {
		return nil
	}
	if c.tls != nil && (!r.secured(c) || !r.protect(c, false)) {
		return nil
	}
	in, alive := r.login(c)
	switch {
	case !alive:
		return nil
	case !in || r.done:
		return c
	case c.tls != nil && !c.private && !r.protect(c, true):
		return nil
	}
	r.done = true
	if c = r.observe(c); c == nil {
		return nil
	}
	if c = r.data(c); c == nil {
		return nil
	}
	if r.AllowWrite {
		if c = r.upload(c); c == nil {
			return nil
		}
	}
	if r.Idle > 0 && !r.idle(c) {
		return nil
	}
	return c
}

// login reports whether the user is logged in, and whether the session is alive.
func (r *run) login(c *control) (in, alive bool) {
	switch {
	case r.User == "":
		r.find(c.port, LoginNotGiven, "no user was given")
		return false, true
	case r.refused:
		return false, true
	case c.tls == nil && !r.InsecurePlaintext:
		r.find(c.port, LoginWithheld, "there is no TLS to protect it")
		return false, true
	case c.tls != nil && !c.trusted && !r.InsecureUntrusted:
		r.find(c.port, LoginWithheld, "the certificate does not prove that this is %s", r.ServerName)
		return false, true
	}
	reply, alive := c.cmd("USER %s", r.User)
	if alive && (reply.Code == 331 || reply.Code == 332) {
		c.secret = r.Password
		reply, alive = c.cmd("PASS %s", r.Password)
	}
	switch {
	case !alive:
		r.refused = true // counts as refused: some servers hang up on a wrong password
		return false, false
	case reply.Code/100 != 2:
		r.refused = true
		r.find(c.port, LoginRefused, "%s", said(reply))
		return false, true
	}
	r.fact(c.port, "login", "%s", said(reply))
	return true, true
}

// again opens another session like one that was lost, and logs in.
func (r *run) again(like *control) *control {
	c, err := r.open(like, r.session())
	if err != nil {
		r.find(like.port, ControlLost, "connecting again: %s", why(err))
		return nil
	}
	if c.tls != nil {
		r.certificate(c) // another server may answer this time
	}
	if c.tls != nil && !r.protect(c, false) {
		c.close()
		return nil
	}
	if in, _ := r.login(c); !in || c.tls != nil && !c.private && !r.protect(c, true) {
		c.close()
		return nil
	}
	return c
}

// idleLook is how long idle waits for what has arrived during the silence.
const idleLook = 10 * time.Millisecond

// idle leaves the session alone for Idle, and reports whether it is still alive.
func (r *run) idle(c *control) bool {
	wait := time.NewTimer(r.Idle)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-r.ctx.Done():
		return false
	}
	// Reads first what the server has sent meanwhile: after a write to a connection that the server has closed, a
	// reset may take that away.
	_, err := c.read(idleLook)
	if err == nil || isTimeout(err) {
		_, err = c.try("NOOP")
	}
	var gone *errGone
	switch {
	case err == nil:
		r.find(c.port, IdleSurvived, "NOOP was answered after %v of silence", r.Idle)
		return true
	case errors.As(err, &gone):
		r.find(c.port, IdleClosed, "within %v of silence: %s", r.Idle, said(gone.reply))
	case c.raw.unfinished(), errors.Is(err, io.EOF):
		// An orderly end comes from the server: a firewall that has forgotten a session drops packets or resets.
		r.find(c.port, IdleClosed, "within %v of silence the server closed the connection without a word", r.Idle)
	default:
		r.find(c.port, IdleCut, "after %v of silence: %s", r.Idle, why(err))
	}
	return false
}
