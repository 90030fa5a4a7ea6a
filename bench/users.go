package main

import (
	"context"
	"fmt"
	"time"
)

// users returns the workloads of many users whose files one server touches, each user's
// with the rights of that user. vsftpd has a process or two for each session.
func users() []workload {
	those := []string{ours, split, "vsftpd"}
	return []workload{{
		name:  "users",
		title: "1,000 sessions of 100 users over TLS, at rest: all memory of the server, shared among the sessions",
		unit:  "session",
		ports: "21000-22199",
		only:  those,
		run:   crowded,
	}, {
		name:  "first-login",
		title: "The first login of each of 100 users, over TLS, one after the other, all of whom stay",
		unit:  "login",
		only:  those,
		run:   firstLogins,
	}}
}

// as returns the dialer of user i of the crowd. The crowd connects from several
// addresses.
func (d *dialer) as(i int) *dialer {
	const addresses = 10
	there := *d
	there.user, there.from = crowdUser(i%crowdUsers), fmt.Sprintf("127.0.0.%d", 2+i%addresses)
	return &there
}

func crowded(ctx context.Context, l *load) (sample, error) {
	rest := 5 * time.Second // longer than servers wait before they give memory back
	if l.quick {
		rest = settle
	}
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	n := l.times(1000)
	clients := make([]*client, n)
	defer func() { hangUp(clients) }()
	err = together(n, loginsAtOnce, func(i int) (err error) {
		clients[i], err = d.as(i).login(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	time.Sleep(rest)
	used, err := l.pss()
	if err != nil {
		return nil, err
	}
	for _, c := range clients {
		if _, err := c.cmd(2, "NOOP"); err != nil {
			return nil, fmt.Errorf("a session did not last: %w", err)
		}
	}
	return sample{each: float64(used) / float64(n)}, nil
}

func firstLogins(ctx context.Context, l *load) (sample, error) {
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	warm, err := d.logins(ctx, 5)
	if err != nil {
		return nil, err
	}
	defer hangUp(warm)
	n := max(1, l.times(crowdUsers))
	clients := make([]*client, n)
	defer func() { hangUp(clients) }()
	return l.measure(false, func() (float64, error) {
		for i := range clients {
			if clients[i], err = d.as(i).login(ctx); err != nil {
				return 0, err
			}
		}
		return float64(n), nil
	})
}
