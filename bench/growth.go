package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// growth measures how Sallyport's costs change with the number of sessions
// that take turns, of sessions at rest, and of entries in a listing. A cost
// that doesn't grow is the same in every line.
type growth struct {
	setup    setup
	progress io.Writer

	turns   []int // numbers of sessions that take turns
	files   int   // how many files they fetch in all
	rests   []int // numbers of sessions at rest
	rest    time.Duration
	entries []int // numbers of entries of a directory
	rounds  int   // how often turn is measured, for the median
}

// usualGrowth returns the usual measurements, or fewer if quick is set.
func usualGrowth(s setup, quick bool, progress io.Writer) *growth {
	g := &growth{
		setup: s, progress: progress, rest: 2 * time.Second,
		turns: []int{1, 10, 100, 1000}, files: 2000, rounds: 3,
		rests:   []int{100, 1000, 5000, 10_000},
		entries: []int{1000, 10_000, 100_000, 1_000_000},
	}
	if quick {
		g.turns, g.rests, g.entries = g.turns[:3], g.rests[:2], g.entries[:3]
		g.files, g.rounds = 200, 1
	}
	return g
}

// run prints a table of each cost.
func (g *growth) run(ctx context.Context, out io.Writer) error {
	if err := allowDescriptors(uint64(slices.Max(slices.Concat(g.turns, g.rests))) + 1000); err != nil {
		return err
	}
	for _, table := range []struct {
		title string
		head  []string
		sizes []int
		line  func(context.Context, int) ([]string, error)
	}{
		{"4 KiB files over TLS, fetched by sessions in turn", []string{"sessions", "CPU/file"}, g.turns, g.turn},
		{"sessions over TLS, logged in and at rest", []string{"sessions", "memory/session", "heap and stacks/session"}, g.rests, g.atRest},
		{"LIST over TLS", []string{"entries", "CPU/entry", "peak memory"}, g.entries, g.listing},
	} {
		lines := [][]string{table.head}
		for _, n := range table.sizes {
			fmt.Fprintf(g.progress, "%s: %s\n", table.title, count(float64(n)))
			line, err := table.line(ctx, n)
			if err != nil {
				return fmt.Errorf("%s: %d: %w", table.title, n, because(ctx, err))
			}
			lines = append(lines, append([]string{count(float64(n))}, line...))
		}
		var text strings.Builder
		text.WriteString(table.title + "\n")
		align(&text, lines)
		if _, err := io.WriteString(out, text.String()+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// with starts a server, calls f, and stops the server.
func (g *growth) with(ctx context.Context, f func(*child, *load, *dialer) error) (err error) {
	c, err := startChild(ctx, &g.setup, 0, 0)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := c.stop(); err == nil {
			err = stopped
		}
	}()
	l := &load{instance: c.instance, setup: &g.setup}
	d, err := l.dialer()
	if err != nil {
		return err
	}
	return f(c, l, d)
}

// turn measures what a file costs that is fetched by n sessions in turn.
func (g *growth) turn(ctx context.Context, n int) (line []string, err error) {
	err = g.with(ctx, func(_ *child, l *load, d *dialer) error {
		what := content{size: smallSize}
		if err := l.file("growth/small", what); err != nil {
			return err
		}
		clients, err := d.from127(ctx, n)
		if err != nil {
			return err
		}
		defer hangUp(clients)
		fetch := func(files int) error {
			for i := range files {
				if err := clients[i%n].fetch("growth/small", what); err != nil {
					return err
				}
			}
			return nil
		}
		if err := fetch(max(n, 100)); err != nil { // the first file of a session costs more than the others
			return err
		}
		var all row
		for range g.rounds {
			s, err := l.measure(false, func() (float64, error) { return float64(g.files), fetch(g.files) })
			if err != nil {
				return err
			}
			all.Samples = append(all.Samples, s)
		}
		line = []string{spreadOf(all.of(cpu), inTime)}
		return nil
	})
	return line, err
}

// atRest measures what each of n sessions that do nothing holds.
func (g *growth) atRest(ctx context.Context, n int) (line []string, err error) {
	const warm = 8
	var few int64 // the heap with the first sessions
	err = g.with(ctx, func(c *child, _ *load, d *dialer) error {
		clients, err := g.settled(ctx, d, warm)
		defer hangUp(clients)
		if err != nil {
			return err
		}
		now, err := c.look(true)
		few = now.Heap
		return err
	})
	if err != nil {
		return nil, err
	}
	// Measures the memory on another server, since collecting garbage changes
	// what follows.
	err = g.with(ctx, func(c *child, _ *load, d *dialer) error {
		first, err := g.settled(ctx, d, warm)
		defer hangUp(first)
		if err != nil {
			return err
		}
		before, err := c.pss()
		if err != nil {
			return err
		}
		clients, err := g.settled(ctx, d, n)
		defer hangUp(clients)
		if err != nil {
			return err
		}
		after, err := c.pss()
		if err != nil {
			return err
		}
		now, err := c.look(true)
		if err != nil {
			return err
		}
		if now.Sessions != warm+n {
			return fmt.Errorf("of %d sessions %d are left", warm+n, now.Sessions)
		}
		line = []string{inBytes(float64(after-before) / float64(n)), inBytes(float64(now.Heap-few) / float64(n))}
		return nil
	})
	return line, err
}

// settled opens sessions and waits until the server is at rest.
func (g *growth) settled(ctx context.Context, d *dialer, n int) ([]*client, error) {
	clients, err := d.from127(ctx, n)
	if err == nil && !wait(ctx, g.rest) {
		err = ctx.Err()
	}
	return clients, err
}

// listing measures the listing of a directory with n entries.
func (g *growth) listing(ctx context.Context, n int) (line []string, err error) {
	err = g.with(ctx, func(_ *child, l *load, _ *dialer) error {
		s, err := listing{"LIST", n, 1}.run(ctx, l)
		line = []string{inTime(s[cpu] / float64(n)), inBytes(s[peak])}
		return err
	})
	return line, err
}

// from127 opens n sessions from many loopback addresses, since one address
// has too few ports.
func (d *dialer) from127(ctx context.Context, n int) ([]*client, error) {
	clients := make([]*client, n)
	err := together(n, loginsAtOnce, func(i int) (err error) {
		there := *d
		there.from = fmt.Sprintf("127.0.%d.%d", 1+i/200%200, 1+i%200)
		clients[i], err = there.login(ctx)
		return err
	})
	if err != nil {
		hangUp(clients)
		return nil, err
	}
	return clients, nil
}
