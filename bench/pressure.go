package main

import (
	"context"
	"fmt"
	"time"
)

// pressures returns the workloads of many sessions behind one address that
// share few data ports.
func pressures() []workload {
	return []workload{
		{
			name:  "pressure-11",
			title: "200 sessions of one address fetch 20 small files each, all at once, through 11 data ports",
			unit:  "transfer", run: pressure,
		},
		{
			name:  "pressure-1",
			title: "The same through one data port",
			unit:  "transfer", run: pressure, ports: "21000",
		},
	}
}

// budget bounds the time of workloads in which transfers may fail. Transfers
// that have not begun by then count as failed.
const budget = 40 * time.Second

// hopeless is how long a transfer may take while others are in its way; after
// that it has failed.
const hopeless = 5 * time.Second

func pressure(ctx context.Context, l *load) (sample, error) {
	const files = 20
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	// Gives each session a file of its own, so that bytes of another session's
	// file show.
	of := func(s int) (string, content) { return fmt.Sprintf("own/%03d", s), content{s, smallSize} }
	w := crowd{dialer: d, steps: files, budget: budget}
	w.step = func(c *client, s, _ int) error {
		name, what := of(s)
		return c.fetch(name, what)
	}
	sessions := l.times(200)
	for s := range sessions {
		name, what := of(s)
		if err := l.file(name, what); err != nil {
			return nil, err
		}
	}
	if err := w.gather(ctx, sessions); err != nil {
		return nil, err
	}
	defer w.disperse()
	began := time.Now()
	t := w.run(ctx)
	took := time.Since(began)
	s := t.sample()
	s[rate] = float64(t.done) / took.Seconds()
	s[stolen] = float64(t.stolen)
	s.resumption(w.members...)
	return s, ctx.Err()
}
