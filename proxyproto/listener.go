package proxyproto

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/sallyport/sallyport/internal/nopanic"
)

// maxPending bounds the connections of a listener whose headers are being read
// or that wait for Accept.
const maxPending = 256

// probeTime is how long a health check is given to hang up before it counts as a
// client.
const probeTime = 250 * time.Millisecond

// Listener accepts connections and reads their headers, each in a goroutine of
// its own, so that Accept hands over the first that is complete, whoever came
// before. [Protocol.Wrap] makes one. The methods of a Listener may be called
// concurrently.
type Listener struct {
	protocol *Protocol
	inner    net.Listener
	data     bool

	begin   sync.Once
	ready   chan result
	slots   chan struct{} // holds one for each pending connection
	done    chan struct{} // closed with the listener
	running sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	reading []net.Conn // connections whose headers are being read, in order of arrival
}

type result struct {
	conn net.Conn
	err  error
}

func (p *Protocol) wrap(ln net.Listener, data bool) *Listener {
	return &Listener{
		protocol: p, inner: nopanic.Listener(ln), data: data,
		ready: make(chan result), slots: make(chan struct{}, maxPending), done: make(chan struct{}),
	}
}

// Addr returns the address of the listener below.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// Accept returns the next connection with a good header. An error that is not
// [net.ErrClosed] is one of the listener below and may pass.
func (l *Listener) Accept() (net.Conn, error) {
	// The goroutine begins here and not earlier: a listener that is only opened
	// to see whether the port is free needs none.
	l.begin.Do(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.closed {
			l.running.Go(l.serve)
		}
	})
	select {
	case r := <-l.ready:
		return r.conn, r.err
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept, closes the connections that nobody has accepted, and
// returns when nothing of the listener runs any more.
func (l *Listener) Close() error {
	err := l.shut()
	l.running.Wait()
	return err
}

func (l *Listener) shut() error {
	err := l.inner.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return err
	}
	l.closed = true
	close(l.done)
	for _, c := range l.reading {
		c.Close()
	}
	return err
}

// serve accepts from the listener below.
func (l *Listener) serve() {
	for {
		conn, err := l.inner.Accept()
		switch {
		case err == nil:
			l.receive(conn)
		case errors.Is(err, net.ErrClosed):
			l.shut()
			return
		case !l.hand(nil, err):
			return
		}
	}
}

// hand gives a result to Accept, unless the listener is closed.
func (l *Listener) hand(conn net.Conn, err error) bool {
	select {
	case l.ready <- result{conn, err}:
		return true
	case <-l.done:
		if conn != nil {
			conn.Close()
		}
		return false
	}
}

// receive decides what a connection needs by where it comes from.
func (l *Listener) receive(conn net.Conn) {
	p := l.protocol
	switch {
	case p.trusts(conn.RemoteAddr()):
		if l.enter(conn) {
			l.running.Go(func() {
				defer func() { <-l.slots }()
				l.examine(conn)
			})
		}
	case !p.Direct:
		l.refuse(kindStranger, "it comes from outside of the trusted networks", conn, nil)
		reset(conn)
	case l.data:
		// What the peer sends may be a file, and a file may begin in any way.
		l.hand(conn, nil)
	default:
		l.hand(&direct{Conn: conn, protocol: p}, nil)
	}
}

// enter finds room for a connection. When there is none, enter closes the
// connection whose header has been awaited longest: balancers send the header at
// once, so this connection is hardly a balancer's. It reports false when the
// listener was closed; the connection is closed then, too.
func (l *Listener) enter(conn net.Conn) bool {
	select {
	case l.slots <- struct{}{}:
	default:
		l.evict()
		select {
		case l.slots <- struct{}{}:
		case <-l.done:
			conn.Close()
			return false
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		<-l.slots
		return false
	}
	l.reading = append(l.reading, conn)
	return true
}

func (l *Listener) evict() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.reading) > 0 {
		reset(l.reading[0])
		l.reading = slices.Delete(l.reading, 0, 1)
	}
}

// leave ends the reading of a header. It reports false when the connection has
// been closed meanwhile.
func (l *Listener) leave(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.reading, conn)
	if i < 0 {
		return false
	}
	l.reading = slices.Delete(l.reading, i, i+1)
	return !l.closed
}

// examine reads the header of a connection and hands it over or closes it.
func (l *Listener) examine(conn net.Conn) {
	p := l.protocol
	_ = conn.SetReadDeadline(time.Now().Add(p.timeout()))
	o, err := readOrigin(conn)
	var head []byte
	switch {
	case err != nil:
	case l.data && !o.client.IsValid():
		err = errEmpty
	case !l.data && o.balancers(conn):
		head, err = probe(conn)
	}
	switch {
	case !l.leave(conn):
		if !l.isClosed() {
			l.refuse(kindCrowd, "too many send no PROXY header", conn, nil)
		}
	case errors.Is(err, errEmpty):
		conn.Close() // somebody looked whether the port is open
	case isTimeout(err):
		l.refuse(kindHeader, "its PROXY header does not come", conn, nil, "waited", p.timeout())
		reset(conn)
	case err != nil:
		l.refuse(kindHeader, "its PROXY header is missing or wrong", conn, err)
		reset(conn)
	default:
		_ = conn.SetReadDeadline(time.Time{})
		c := &Conn{conn, o}
		if len(head) > 0 {
			l.hand(&replay{conn, c, head}, nil)
			return
		}
		l.hand(c, nil)
	}
}

// probe looks at a connection that the balancer made for itself. Most such
// connections end at once, and every few seconds another one comes; the server
// and its log need not know of them. A check that goes on wants to see the
// greeting.
func probe(conn net.Conn) (head []byte, err error) {
	_ = conn.SetReadDeadline(time.Now().Add(probeTime))
	head = make([]byte, 1)
	n, err := conn.Read(head)
	if n == 0 && err != nil && !isTimeout(err) {
		return nil, errEmpty
	}
	return head[:n], nil
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}
