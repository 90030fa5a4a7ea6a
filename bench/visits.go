package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Files for visitors to fetch.
var (
	smallFile = content{1, smallSize}
	largeFile = content{2, 1 << 20}
	hugeFile  = content{3, 24 << 20} // more than the buffers of a connection hold
)

// soakFiles makes the files for visitors.
func soakFiles(l *load) error {
	return errors.Join(l.file("soak/small", smallFile), l.file("soak/large", largeFile), l.file("soak/huge", hugeFile),
		l.many("many-200", 200), l.dir("up"))
}

// A kind is a way to visit a server. Errors of a rude kind are the visitor's own
// fault and don't count.
type kind struct {
	name   string
	weight int // how often it is chosen, relative to others
	rude   bool
	visit  func(v *visitor, ctx context.Context) error
}

var kinds = []kind{
	{"downloads", 6, false, (*visitor).download},
	{"uploads", 6, false, (*visitor).upload},
	{"listings", 4, false, (*visitor).list},
	{"ABOR", 2, false, (*visitor).abort},
	{"at rest", 1, false, (*visitor).rest},
	{"cut downloads", 2, true, (*visitor).cutDownload},
	{"cut uploads", 2, true, (*visitor).cutUpload},
	{"ports never used", 2, true, (*visitor).squat},
	{"no TLS on data", 1, true, (*visitor).mute},
	{"no login", 1, true, (*visitor).lurk},
	{"wrong passwords", 1, false, (*visitor).guess},
}

// visits counts visits and their errors. It may be used concurrently.
type visits struct {
	mu     sync.Mutex
	made   int
	errs   map[string]error // the last error of each kind
	failed int
}

func (vs *visits) add(k kind, err error) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	vs.made++
	if err != nil && !k.rude {
		if vs.errs == nil {
			vs.errs = make(map[string]error)
		}
		vs.errs[k.name] = err
		vs.failed++
	}
}

func (vs *visits) String() string {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return fmt.Sprintf("%s visits, %s failed", count(float64(vs.made)), count(float64(vs.failed)))
}

// failure returns the errors of visits that should have worked, nil if there are
// none.
func (vs *visits) failure() error {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	var all []string
	for name, err := range vs.errs {
		all = append(all, name+": "+brief(err))
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return fmt.Errorf("%d visits failed: %s", vs.failed, strings.Join(all, "; "))
}

// A visitor visits again and again, each time in a way chosen at random.
type visitor struct {
	dialer dialer
	random *rand.Rand
	own    string // the name of the visitor's uploads
	seen   *visits
}

func newVisitor(d *dialer, number int, seen *visits) *visitor {
	return &visitor{
		dialer: *d, random: rand.New(rand.NewPCG(uint64(number), 0)),
		own: fmt.Sprintf("up/%d", number), seen: seen,
	}
}

// run visits until ctx ends.
func (v *visitor) run(ctx context.Context, pause time.Duration) {
	for wait(ctx, time.Duration(v.random.Float64()*float64(pause))) {
		// Chooses one of few addresses: several visitors share one, as behind a
		// NAT.
		v.dialer.from = fmt.Sprintf("127.0.2.%d", 1+v.random.IntN(4))
		k := v.choose()
		if err := k.visit(v, ctx); ctx.Err() == nil {
			v.seen.add(k, err)
		}
	}
}

func (v *visitor) choose() kind {
	all := 0
	for _, k := range kinds {
		all += k.weight
	}
	n := v.random.IntN(all)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	panic("unreachable")
}

// within opens a session, calls f with it, and quits.
func (v *visitor) within(ctx context.Context, f func(*client) error) error {
	c, err := v.dialer.login(ctx)
	if err != nil {
		return err
	}
	if err := f(c); err != nil {
		c.close()
		return err
	}
	return c.quit()
}

func (v *visitor) download(ctx context.Context) error {
	return v.within(ctx, func(c *client) error {
		for range 1 + v.random.IntN(5) {
			if err := c.fetch("soak/small", smallFile); err != nil {
				return err
			}
		}
		return c.fetch("soak/large", largeFile)
	})
}

func (v *visitor) upload(ctx context.Context) error {
	return v.within(ctx, func(c *client) error {
		for _, what := range []content{smallFile, largeFile} {
			if err := c.put("STOR "+v.own, what); err != nil {
				return err
			}
			if err := c.fetch(v.own, what); err != nil {
				return err
			}
		}
		_, err := c.cmd(2, "DELE "+v.own)
		return err
	})
}

func (v *visitor) list(ctx context.Context) error {
	return v.within(ctx, func(c *client) error {
		for _, verb := range []string{"LIST", "MLSD", "NLST"} {
			var e entries
			if err := c.get(verb+" many-200", &e); err != nil {
				return err
			}
			if err := e.all(200); err != nil {
				return err
			}
		}
		return nil
	})
}

// abort stops a download by ABOR, and then goes on in the same session.
func (v *visitor) abort(ctx context.Context) error {
	return v.within(ctx, func(c *client) error {
		data, err := c.begin(v)
		if err != nil {
			return err
		}
		defer data.stop()
		defer data.Close()
		if _, err := c.cmd(4, "ABOR"); err != nil { // 426 answers the transfer
			return err
		}
		if _, err := c.reply(2, "ABOR"); err != nil {
			return err
		}
		return c.fetch("soak/small", smallFile)
	})
}

// begin starts a download that can't be complete before all of it is read, and
// reads some of it.
func (c *client) begin(v *visitor) (*dataConn, error) {
	data, err := c.open("RETR soak/huge")
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, data, int64(1+v.random.IntN(100_000))); err != nil {
		data.stop()
		data.Close()
		return nil, err
	}
	return data, nil
}

func (v *visitor) rest(ctx context.Context) error {
	return v.within(ctx, func(c *client) error {
		wait(ctx, time.Duration(v.random.Float64()*float64(2*time.Second)))
		_, err := c.cmd(2, "NOOP")
		return err
	})
}

// restLong rests until the server no longer keeps a goroutine for the session.
func (v *visitor) restLong(ctx context.Context) error {
	return v.within(ctx, func(c *client) error {
		wait(ctx, 2*time.Second)
		_, err := c.cmd(2, "NOOP")
		return err
	})
}

// cut ends a data connection as a machine does that loses power: without
// close_notify, and by a reset.
func (d *dataConn) cut() error {
	d.stop()
	if raw, ok := d.wire.Conn.(*net.TCPConn); ok {
		_ = raw.SetLinger(0)
	}
	return d.wire.Conn.Close()
}

// leave ends the session of a rude visit, half of the time without QUIT.
func (v *visitor) leave(c *client) error {
	if v.random.IntN(2) == 0 {
		return c.quit()
	}
	c.close()
	return nil
}

func (v *visitor) cutDownload(ctx context.Context) error {
	c, err := v.dialer.login(ctx)
	if err != nil {
		return err
	}
	defer v.leave(c)
	data, err := c.begin(v)
	if err != nil {
		return err
	}
	return data.cut()
}

func (v *visitor) cutUpload(ctx context.Context) error {
	c, err := v.dialer.login(ctx)
	if err != nil {
		return err
	}
	defer v.leave(c)
	data, err := c.open("STOR " + v.own)
	if err != nil {
		return err
	}
	_, err = data.Write(largeFile.at(0)[:v.random.IntN(100_000)])
	return errors.Join(err, data.cut())
}

// squat asks for data ports and never connects.
func (v *visitor) squat(ctx context.Context) error {
	c, err := v.dialer.login(ctx)
	if err != nil {
		return err
	}
	defer v.leave(c)
	for range 1 + v.random.IntN(3) {
		c.renew()
	}
	return nil
}

// mute opens a data connection and then sends nothing on it.
func (v *visitor) mute(ctx context.Context) error {
	c, err := v.dialer.login(ctx)
	if err != nil {
		return err
	}
	defer v.leave(c)
	deadline := c.arm()
	addr, err := c.passive()
	if err != nil {
		return err
	}
	conn, err := v.dialer.dial(ctx, addr, deadline)
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = c.ask(1, "RETR soak/small")
	wait(ctx, 100*time.Millisecond)
	return err
}

// lurk leaves before it has logged in, perhaps between AUTH and the handshake.
func (v *visitor) lurk(ctx context.Context) error {
	conn, err := v.dialer.dial(ctx, v.dialer.addr, time.Now().Add(v.dialer.timeout))
	if err != nil {
		return err
	}
	defer conn.Close()
	if v.random.IntN(2) == 0 {
		_, err = io.WriteString(conn, "AUTH TLS\r\n")
	}
	wait(ctx, time.Duration(v.random.Float64()*float64(500*time.Millisecond)))
	return err
}

// guess tries a wrong password, from addresses of its own: logins are slow from
// an address where others have guessed.
func (v *visitor) guess(ctx context.Context) error {
	there := v.dialer
	there.password += "?"
	there.from = fmt.Sprintf("127.0.3.%d", 1+v.random.IntN(50))
	c, err := there.login(ctx)
	if err == nil {
		c.close()
		return errors.New("a wrong password was taken")
	}
	if refused(err) {
		return nil
	}
	return err
}
