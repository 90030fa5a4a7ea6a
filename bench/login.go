package main

import "context"

// logins returns the workload of clients that connect, log in and leave.
func logins() []workload {
	return []workload{{
		name:  "login",
		title: "Connect, AUTH TLS, USER, PASS, QUIT: 1,000 times, one after the other, without a ticket",
		unit:  "login",
		split: true,
		run: func(ctx context.Context, l *load) (sample, error) {
			d, err := l.dialer()
			if err != nil {
				return nil, err
			}
			visits := func(n int) error {
				for range n {
					if err := d.visit(ctx); err != nil {
						return err
					}
				}
				return nil
			}
			if err := visits(5); err != nil { // to warm up
				return nil, err
			}
			n := l.times(1000)
			return l.measure(false, func() (float64, error) { return float64(n), visits(n) })
		},
	}}
}

// visit logs in, with a full handshake, and quits.
func (d *dialer) visit(ctx context.Context) error {
	c, err := d.connect(ctx)
	if err != nil {
		return err
	}
	if err := c.enter(); err != nil {
		c.close()
		return err
	}
	return c.quit()
}
