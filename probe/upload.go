package probe

import (
	"bytes"
	"crypto/rand"
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
)

// uploadSize is the size of the test file: so small that a server which handles an abrupt end badly loses all of
// it.
const uploadSize = 1000

// upload writes a file, reads it back and deletes it. It returns the session to go on with, or nil.
func (r *run) upload(c *control) *control {
	if _, ok := r.report.Find(DataWorks); !ok {
		return c
	}
	switch reply, ok := c.cmd("TYPE I"); {
	case !ok:
		return nil
	case refusal(reply):
		r.find(c.port, UploadFailed, "TYPE I: %s", said(reply))
		return c
	}
	port, name := c.port, "sallyport-probe-"+strings.ToLower(rand.Text())+".tmp"
	if r.Path != "" {
		name = strings.TrimSuffix(r.Path, "/") + "/" + name
	}
	payload := []byte(rand.Text())
	payload = bytes.Repeat(payload, uploadSize/len(payload)+1)[:uploadSize]

	up := r.transfer(c, manner{command: "STOR " + name, payload: payload, resume: true})
	if up.err == nil && !up.dialled() {
		r.closed(c, &up)
		return c
	}
	if !up.ok() {
		id := UploadFailed
		if up.denied() || up.err == nil && !up.opened && up.final.Code >= 500 {
			id = UploadRefused
		}
		r.find(c.port, id, "%s", up.reason())
		if c = r.still(c, &up); c == nil {
			return nil
		}
		return r.remove(c, name, !up.opened || up.denied()) // part of the file may be there
	}
	down := r.transfer(c, manner{command: "RETR " + name, resume: true})
	same := r.judgeUpload(c, payload, &up, &down)
	if c = r.still(c, &down); c != nil {
		c = r.remove(c, name, false)
	}
	if _, left := r.report.Find(UploadLeft); same && !left {
		r.find(port, UploadWorks, "%d bytes, %s", len(payload), said(up.final))
	}
	return c
}

// judgeUpload compares what was read back with what was sent. A failed download says nothing about the upload.
func (r *run) judgeUpload(c *control, payload []byte, up, down *transfer) (same bool) {
	switch {
	case !down.ok() && down.err == nil && !down.dialled():
		r.closed(c, down)
	case !down.ok():
		r.find(c.port, UploadUnread, "%d bytes were sent and confirmed (%s); RETR: %s", len(payload), said(up.final), down.reason())
		if down.dialled() && down.opened {
			r.failed(c, down)
		}
	case bytes.Equal(down.data, payload):
		return true
	default:
		r.find(c.port, UploadLost, "%d bytes were sent and confirmed (%s); %d came back (%s)", len(payload), said(up.final),
			len(down.data), down.reason())
	}
	return false
}

// remove deletes the test file. none says that there may be none, since the upload was refused.
func (r *run) remove(c *control, name string, none bool) *control {
	reply, ok := c.cmd("DELE %s", name)
	if !ok || refusal(reply) && !none {
		r.find(c.port, UploadLeft, "%s: %s", name, said(reply))
	}
	if !ok {
		return nil
	}
	return c
}

// refusal reports whether a reply is a 4yz or 5yz.
func refusal(reply wire.Reply) bool { return reply.Code >= 400 }
