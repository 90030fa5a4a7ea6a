package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// stalls is the workload of clients that begin downloads and read nothing of
// them.
func stalls() []workload {
	return []workload{{
		name: "stalled-1000",
		title: "Visit (login, a small file, QUIT) alone, and beside 1,000 downloads over TLS that their clients, at ten addresses, don't read; " +
			"memory is that of all 1,000",
		unit:  "visit",
		ports: "21000-22199",
		only:  ours, // the peers' limits forbid so many
		run:   stalled,
	}}
}

func stalled(ctx context.Context, l *load) (sample, error) {
	const addresses = 10
	n, visits, rest := l.times(1000), l.times(200), 2*time.Second // as for sessions at rest
	if l.quick {
		rest = settle
	}
	small := content{0, smallSize}
	if err := l.file("own/000", small); err != nil {
		return nil, err
	}
	if err := l.file("own/huge", content{1, 24 << 20}); err != nil { // more than the kernel takes
		return nil, err
	}
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	if _, err := d.visits(ctx, visits, small); err != nil { // warms up
		return nil, err
	}
	alone, err := d.visits(ctx, visits, small)
	if err != nil {
		return nil, err
	}
	time.Sleep(rest)
	before, err := l.pss()
	if err != nil {
		return nil, err
	}
	clients := make([]*client, n)
	defer func() { hangUp(clients) }()
	err = together(n, loginsAtOnce, func(i int) (err error) {
		there := *d
		there.from = fmt.Sprintf("127.0.0.%d", 2+i%addresses)
		if clients[i], err = there.login(ctx); err != nil {
			return err
		}
		_, err = clients[i].open("RETR own/huge") // which ends with the session
		return err
	})
	if err != nil {
		return nil, err
	}
	time.Sleep(rest)
	after, err := l.pss()
	if err != nil {
		return nil, err
	}
	beside, err := d.visits(ctx, visits, small)
	if err != nil {
		return nil, err
	}
	return sample{
		peak: float64(after - before), waited: beside.Seconds(), slower: beside.Seconds() / alone.Seconds(),
	}, nil
}

// visits makes some and returns the time that the median of them took.
func (d *dialer) visits(ctx context.Context, n int, what content) (time.Duration, error) {
	var took []time.Duration
	for range n {
		began := time.Now()
		c, err := d.login(ctx)
		if err != nil {
			return 0, err
		}
		if err := c.fetch("own/000", what); err != nil {
			c.close()
			return 0, err
		}
		if err := c.quit(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
