package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// soak puts a mixed load on Sallyport for a long time and sees whether it then
// holds more than at its start: sessions, data ports, goroutines, descriptors,
// parts of files, memory. The start is after a warm-up with the same load, and both
// times everybody has left.
type soak struct {
	setup    setup
	progress io.Writer

	long     time.Duration
	warmUp   time.Duration
	every    time.Duration // between two lines about how it goes
	visitors int
	pause    time.Duration // of a visitor between visits, at most
	patience time.Duration // until all is gone that the visitors have left behind

	ttl, idle time.Duration // of data ports

	// heap and memory are how many bytes more are no growth: what pools, caches
	// of bounded size and half-used pages come to.
	heap, memory int64
}

// usualSoak lasts as long as somebody wants.
func usualSoak(s setup, long time.Duration, progress io.Writer) *soak {
	return &soak{
		setup: s, progress: progress, long: long, warmUp: min(time.Minute, long/4), every: time.Minute,
		visitors: 8, pause: 300 * time.Millisecond, patience: 2 * time.Minute,
		heap: 1 << 20, memory: 4 << 20,
	}
}

// run prints how it went. An error says what did not return to its start, or
// which visits failed that should not.
func (s *soak) run(ctx context.Context, out io.Writer) (err error) {
	c, err := startChild(ctx, &s.setup, s.ttl, s.idle)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := c.stop(); err == nil {
			err = stopped
		}
	}()
	l := &load{instance: c.instance, setup: &s.setup}
	if err := soakFiles(l); err != nil {
		return err
	}
	d, err := l.dialer()
	if err != nil {
		return err
	}
	fmt.Fprintf(s.progress, "warming up for %v\n", s.warmUp)
	if _, err := s.load(ctx, c, d, s.warmUp); err != nil {
		return err
	}
	// What the server makes for the first session at rest stays with it.
	if err := newVisitor(d, 0, new(visits)).restLong(ctx); err != nil {
		return err
	}
	start, err := s.atStart(ctx, c)
	if err != nil {
		return err
	}
	seen, err := s.load(ctx, c, d, s.long)
	if err != nil {
		return err
	}
	end, err := s.atEnd(ctx, c, start)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%v with %d visitors: %s\n\n%s", s.long, s.visitors, seen, compare(start, end)); err != nil {
		return err
	}
	if grown := end.over(start); len(grown) > 0 {
		err = fmt.Errorf("did not return to its start: %s", strings.Join(grown, ", "))
	}
	return errors.Join(err, seen.failure())
}

// errTimeIsUp ends a load as it should.
var errTimeIsUp = errors.New("time is up")

// load lets visitors come and go for a time, and returns when all have left.
func (s *soak) load(ctx context.Context, c *child, d *dialer, long time.Duration) (*visits, error) {
	// Not a deadline: what fails because of one may do so before ctx has ended.
	ctx, cancel := context.WithCancelCause(ctx)
	defer time.AfterFunc(long, func() { cancel(errTimeIsUp) }).Stop()
	seen := new(visits)
	var gone sync.WaitGroup
	defer gone.Wait()
	defer cancel(nil)
	for i := range s.visitors {
		gone.Go(func() { newVisitor(d, i, seen).run(ctx, s.pause) })
	}
	began := time.Now()
	for wait(ctx, s.every) {
		if err := s.tell(c, time.Since(began), seen); err != nil {
			return nil, err
		}
	}
	if err := context.Cause(ctx); err != errTimeIsUp {
		return nil, err
	}
	return seen, nil
}

// tell prints how it goes.
func (s *soak) tell(c *child, after time.Duration, seen *visits) error {
	now, err := s.holdings(c, false)
	if err != nil {
		return err
	}
	used, err := c.cpuTime()
	if err != nil {
		return err
	}
	var parts []string
	for _, h := range now {
		parts = append(parts, h.name+" "+h.String())
	}
	_, err = fmt.Fprintf(s.progress, "%v: %s; %s; %v of CPU time\n", after.Round(time.Second), seen, strings.Join(parts, ", "), used.Round(time.Millisecond))
	return err
}

// A holding is something that the server has, and more of it than slack above
// the start is growth.
type holding struct {
	name         string
	value, slack int64
	show         func(float64) string
}

func (h holding) String() string { return h.show(float64(h.value)) }

type holdings []holding

// holdings returns what the server has now.
func (s *soak) holdings(c *child, tidy bool) (holdings, error) {
	now, err := c.look(tidy)
	if err != nil {
		return nil, err
	}
	memory, err := c.pss()
	if err != nil {
		return nil, err
	}
	parts, err := countParts(filepath.Join(s.setup.root, "up"))
	return holdings{
		{"sessions", int64(now.Sessions), 0, count},
		{"leases", int64(now.Leases), 0, count},
		{"listeners", int64(now.Listeners), 0, count},
		{"goroutines", int64(now.Goroutines), 0, count},
		{"descriptors", int64(now.Descriptors), 0, count},
		{"parts of files", parts, 0, count},
		{"heap", now.Heap, s.heap, inBytes},
		{"memory", memory, s.memory, inBytes},
	}, err
}

// countParts returns how many files there are in the directory of uploads that no
// visitor has named: what is left of uploads that were cut.
func countParts(dir string) (n int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			n++
		}
	}
	return n, err
}

// over names what is more than at the start.
func (now holdings) over(start holdings) (grown []string) {
	for i, h := range now {
		if h.value > start[i].value+h.slack {
			grown = append(grown, h.name)
		}
	}
	return grown
}

// atStart waits until the server rests, with nobody there and nothing changing
// any more, and returns what it holds.
func (s *soak) atStart(ctx context.Context, c *child) (holdings, error) {
	var before holdings
	return s.until(ctx, c, func(now holdings) bool {
		rests := before != nil
		for i, h := range now {
			if h.slack > 0 {
				continue // memory is never quite at rest
			}
			rests = rests && h.value == before[i].value
		}
		before = now
		return rests && now[0].value+now[1].value+now[2].value == 0
	})
}

// atEnd waits until the server holds no more than at the start.
func (s *soak) atEnd(ctx context.Context, c *child, start holdings) (holdings, error) {
	return s.until(ctx, c, func(now holdings) bool { return len(now.over(start)) == 0 })
}

// until returns what the server holds when it is good, or when patience is over.
func (s *soak) until(ctx context.Context, c *child, good func(holdings) bool) (holdings, error) {
	const look = time.Second
	for began := time.Now(); ; {
		now, err := s.holdings(c, true)
		if err != nil || good(now) || time.Since(began) > s.patience {
			return now, err
		}
		if !wait(ctx, look) {
			return nil, context.Cause(ctx)
		}
	}
}

// compare is the table at the end.
func compare(start, end holdings) string {
	lines := [][]string{{"", "start", "end"}}
	for i, h := range end {
		line := []string{h.name, start[i].String(), h.String()}
		switch {
		case h.value > start[i].value+h.slack:
			line = append(line, "has grown")
		case h.slack > 0:
			line = append(line, "(up to "+h.show(float64(h.slack))+" more is no growth)")
		}
		lines = append(lines, line)
	}
	var text strings.Builder
	align(&text, lines)
	return text.String()
}
