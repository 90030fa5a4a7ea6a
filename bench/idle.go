package main

import (
	"context"
	"fmt"
	"time"
)

// idles returns the workload of sessions that do nothing.
func idles() []workload {
	return []workload{{
		name:  "idle",
		title: "500 sessions over TLS, logged in and at rest, from ten addresses",
		unit:  "session",
		ports: "21000-22199", // Pure-FTPd admits half as many sessions as there are ports
		run:   idle,
	}}
}

func idle(ctx context.Context, l *load) (sample, error) {
	const addresses = 10
	rest := 2 * time.Second
	if l.quick {
		rest = settle
	}
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	// Opens a few sessions that are not counted, since the first ones have the
	// server load what is not a cost of each. They stay open, so that the
	// others can't reuse their memory.
	warm, err := d.logins(ctx, 8)
	if err != nil {
		return nil, err
	}
	defer hangUp(warm)
	time.Sleep(rest)
	before, err := l.pss()
	if err != nil {
		return nil, err
	}
	n := l.times(500)
	clients := make([]*client, n)
	defer func() { hangUp(clients) }()
	err = together(n, loginsAtOnce, func(i int) (err error) {
		there := *d
		there.from = fmt.Sprintf("127.0.0.%d", 2+i%addresses)
		clients[i], err = there.login(ctx)
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
	for _, c := range clients {
		if _, err := c.cmd(2, "NOOP"); err != nil {
			return nil, fmt.Errorf("a session did not last: %w", err)
		}
	}
	return sample{each: float64(after-before) / float64(n)}, nil
}
