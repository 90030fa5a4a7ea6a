package probe

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// greet opens the first session on a port, finds out whether TLS comes first there, and reads the greeting. It
// returns nil if there is no session to go on with.
func (r *run) greet(port uint16) *control {
	c, err := r.connect(port)
	if err != nil {
		r.find(port, ControlLost, "the port was open, and then it was not: %v", err)
		return nil
	}
	if port == implicitPort {
		c = r.greetImplicit(c)
	} else {
		c = r.greetClear(c)
	}
	if c == nil {
		return nil
	}
	r.fact(port, "tls", "%s", map[bool]string{true: "implicit", false: "explicit"}[c.implicit])
	r.fact(port, "greeting", "%s", said(c.greeting))
	if !r.judgeGreeting(c) {
		c.close()
		return nil
	}
	return c
}

// greetImplicit starts with TLS, and goes on in clear if the server speaks clear text.
func (r *run) greetImplicit(c *control) *control {
	err := c.handshake(r.session())
	if err == nil {
		return r.greetTLS(c)
	}
	var clear *clearTextError
	if !errors.As(err, &clear) {
		r.handshakeFailed(c, err)
		c.close()
		return nil
	}
	r.find(c.port, ImplicitClear, "%v", err)
	c.close()
	return r.greetAgain(c.port)
}

// greetAgain opens another connection and waits for a greeting in clear.
func (r *run) greetAgain(port uint16) *control {
	c, err := r.connect(port)
	if err != nil {
		r.find(port, ControlLost, "connecting again: %s", why(err))
		return nil
	}
	return r.greetClear(c)
}

// greetClear waits for a greeting in clear. If none comes, it tries TLS on another connection. If that fails, it
// goes on waiting, since some servers take long.
func (r *run) greetClear(c *control) *control {
	start := time.Now()
	reply, err := c.read(r.patience())
	if isTimeout(err) {
		if sec := r.greetSilence(c.port); sec != nil {
			c.close()
			return sec
		}
		reply, err = c.read(max(r.Timeout-r.patience(), 0))
	}
	for err == nil && reply.Code == 120 { // RFC 959, section 5.4: ready in nnn minutes
		reply, err = c.read(r.Timeout)
	}
	var gone *errGone
	if err != nil && !errors.As(err, &gone) {
		r.noGreeting(c, err)
		c.close()
		return nil
	}
	if took := time.Since(start); took > r.patience() {
		r.find(c.port, GreetingLate, "the greeting came after %v", took.Round(100*time.Millisecond))
	}
	c.greeting = reply
	return c
}

// greetSilence tries TLS on a port that sends no greeting. It returns nil if there is no TLS either.
func (r *run) greetSilence(port uint16) *control {
	c, err := r.connect(port)
	if err != nil {
		return nil
	}
	if err := c.handshake(r.session()); err != nil {
		c.close()
		return nil
	}
	if port == explicitPort {
		r.find(port, ImplicitOnClear, "port %d starts with TLS", port)
	}
	return r.greetTLS(c)
}

// greetTLS reads the greeting under implicit TLS.
func (r *run) greetTLS(c *control) *control {
	c.implicit = true
	reply, err := c.read(r.Timeout)
	var gone *errGone
	if err != nil && !errors.As(err, &gone) {
		r.noGreeting(c, err)
		c.close()
		return nil
	}
	c.greeting = reply
	return c
}

func (r *run) noGreeting(c *control, err error) {
	if r.ctx.Err() != nil {
		return
	}
	if c.tls != nil { // the server may say here that it wants a client certificate
		r.find(c.port, ControlLost, "TLS began, and then no greeting came: %s", why(err))
		r.clientCert(c.port)
		return
	}
	if first := c.raw.first(); errors.As(err, new(*wire.SyntaxError)) {
		r.find(c.port, NotFTP, "the first line is %q", clean(first))
		return
	}
	r.find(c.port, GreetingNone, "%s", why(err))
}

// judgeGreeting makes findings about the greeting, and reports whether to go on.
func (r *run) judgeGreeting(c *control) bool {
	text := strings.Join(c.greeting.Lines, "\n")
	switch {
	case strings.Contains(text, "ESMTP"), strings.Contains(text, "SMTP server"):
		r.find(c.port, NotFTP, "the greeting is %s", said(c.greeting))
		return false
	case c.greeting.Code != 220:
		r.find(c.port, GreetingRefused, "%s", said(c.greeting))
		return false
	case masked(text):
		r.find(c.port, ALGBanner, "%s", said(c.greeting))
	}
	return true
}

// masked reports whether equipment has made a greeting unreadable: it has asterisks and no letters.
func masked(text string) bool {
	letters := strings.IndexFunc(text, func(c rune) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' })
	return strings.Count(text, "*") >= 4 && letters < 0
}

// first returns the first line of what tap keeps.
func (t *tap) first() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	line, _, _ := strings.Cut(string(t.tail), "\n")
	return strings.TrimSpace(line)
}

// isEOF reports whether an error means that the other side has closed or reset the connection.
func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}
