package probe

import (
	"bytes"
	"crypto/rand"
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
)

// uploadSize is that of the test file: small enough to be lost whole when a server meets an abrupt end badly.
const uploadSize = 1000

// upload writes a file, reads it back and deletes it. It returns whether the session lives.
func (r *run) upload(c *control) bool {
	if _, ok := r.report.Find(DataWorks); !ok {
		return true
	}
	if reply, ok := c.cmd("TYPE I"); !ok || refusal(reply) {
		return ok
	}
	name := "sallyport-probe-" + strings.ToLower(rand.Text()) + ".tmp"
	if r.Path != "" {
		name = strings.TrimSuffix(r.Path, "/") + "/" + name
	}
	payload := []byte(rand.Text())
	payload = bytes.Repeat(payload, uploadSize/len(payload)+1)[:uploadSize]

	up := r.transfer(c, manner{command: "STOR " + name, payload: payload, resume: true})
	switch {
	case up.err == nil && up.offer.port != 0 && !up.dialled():
		r.closed(c, &up)
		return true
	case up.err == nil && (!up.opened || up.denied()):
		r.find(c.port, UploadRefused, "%s", up.reason())
		_, alive := c.cmd("DELE %s", name) // a part of the file may be there; no part is fine, too
		return alive
	case !up.ok():
		r.find(c.port, UploadLost, "%s", up.reason())
		return up.err == nil && r.remove(c, name)
	}
	down := r.transfer(c, manner{command: "RETR " + name, resume: true})
	same := bytes.Equal(down.data, payload)
	if down.opened && !same {
		r.find(c.port, UploadLost, "%d bytes were sent and confirmed (%s); %d came back (%s)", len(payload), said(up.final),
			len(down.data), down.reason())
	}
	r.closed(c, &down)
	if down.err != nil {
		c.lost("RETR", down.err)
		return false
	}
	if !r.remove(c, name) {
		return false
	}
	if _, left := r.report.Find(UploadLeft); same && !left {
		r.find(c.port, UploadWorks, "%d bytes, %s", len(payload), said(up.final))
	}
	return true
}

func (r *run) remove(c *control, name string) bool {
	reply, ok := c.cmd("DELE %s", name)
	if ok && refusal(reply) {
		r.find(c.port, UploadLeft, "%s: %s", name, said(reply))
	}
	return ok
}

// refusal reports whether a reply is a negative one.
func refusal(reply wire.Reply) bool { return reply.Code >= 400 }
