package main

import (
	"context"
	"fmt"
	"time"
)

// pressures are many sessions behind one address, which share few data ports.
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

// budget bounds the workloads in which transfers may fail by time. What was not
// tried then has failed.
const budget = 40 * time.Second

// hopeless is when a transfer that others are in the way of has failed.
const hopeless = 5 * time.Second

func pressure(ctx context.Context, l *load) (sample, error) {
	const files = 20
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	// Everybody has a file of his own, so that another's shows.
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
