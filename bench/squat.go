package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// otherAddress is the address of disturbers who don't share the honest client's
// address.
const otherAddress = "127.0.0.9"

// squats returns the workloads in which sessions ask for data ports and never
// connect, beside a client that does connect.
func squats() []workload {
	var all []workload
	for _, q := range []squat{{11, ""}, {50, ""}, {50, otherAddress}} {
		where, who := whereabouts(q.from)
		all = append(all, workload{
			name: fmt.Sprintf("squatters-%d-%s", q.sessions, where),
			title: fmt.Sprintf("Fetch 20 small files through 11 data ports while %d sessions of another user at %s send PASV every second and never connect",
				q.sessions, who),
			unit: "transfer",
			run:  q.run,
		})
	}
	return all
}

// whereabouts returns what names and titles of workloads call the disturbers'
// address. An empty from is the honest client's.
func whereabouts(from string) (where, who string) {
	if from == "" {
		return "same", "the client's own address"
	}
	return "other", "another address"
}

// besieged returns the file that the honest client fetches, the dialer of the
// honest client and the dialer of the other user. The other user comes from the
// address from; if from is empty, both users come from the same address.
func (l *load) besieged(from string) (name string, what content, honest, other *dialer, err error) {
	name, what = "own/000", content{0, smallSize}
	if err := l.file(name, what); err != nil {
		return name, what, nil, nil, err
	}
	if honest, err = l.dialer(); err != nil {
		return name, what, nil, nil, err
	}
	honest.timeout = hopeless
	there := *honest
	there.from, there.user, there.password = from, l.thief, l.thiefPassword
	return name, what, honest, &there, nil
}

// squat is one of the workloads of squats. An empty from is the honest client's
// address.
type squat struct {
	sessions int
	from     string
}

func (q squat) run(ctx context.Context, l *load) (sample, error) {
	name, what, d, others, err := l.besieged(q.from)
	if err != nil {
		return nil, err
	}
	leave, err := others.squat(ctx, l.times(q.sessions))
	if err != nil {
		return nil, err
	}
	defer leave()
	honest := crowd{dialer: d, steps: l.times(20), budget: budget}
	honest.step = func(c *client, _, _ int) error { return c.fetch(name, what) }
	if err := honest.gather(ctx, 1); err != nil {
		return nil, err
	}
	defer honest.disperse()
	t := honest.run(ctx)
	return t.sample(), ctx.Err()
}

// squat opens sessions that occupy data ports. It returns when each that the
// server has admitted has the reply to its first PASV.
func (d *dialer) squat(ctx context.Context, sessions int) (leave func(), err error) {
	there := *d
	there.pasv = true
	ctx, cancel := context.WithCancel(ctx)
	clients, err := there.admitted(ctx, sessions)
	if err != nil {
		cancel()
		return nil, err
	}
	var answered, gone sync.WaitGroup
	answered.Add(sessions)
	for _, c := range clients {
		gone.Go(func() {
			c.renew()
			answered.Done()
			for wait(ctx, time.Second) {
				if c == nil || c.lost {
					if again, err := there.login(ctx); err == nil {
						hangUp([]*client{c})
						c = again
					}
				}
				c.renew()
			}
			hangUp([]*client{c})
		})
	}
	answered.Wait()
	return func() {
		cancel()
		gone.Wait()
	}, nil
}

// renew asks for a data port, and accepts a refusal.
func (c *client) renew() {
	if c != nil && !c.lost {
		c.arm()
		_, _ = c.passive()
	}
}

// wait waits for d, and reports whether ctx is still alive.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
