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

// soak puts a mixed load on Sallyport for a long time, and checks whether it then
// holds more than at the start: sessions, data ports, goroutines, descriptors,
// parts of files, memory. The start is after a warm-up with the same load. Both
// times all clients have left.
type soak struct {
	setup    setup
	progress io.Writer

	long     time.Duration
	warmUp   time.Duration
	every    time.Duration // time between two lines of progress
	visitors int
	pause    time.Duration // the longest pause of a visitor between visits
	patience time.Duration // how long to wait until all that the visitors have left behind is gone

	ttl, idle time.Duration // of data ports

	// heap and memory are how many more bytes are no growth: as much as pools,
	// bounded caches and half-used pages hold.
	heap, memory int64
}

// usualSoak returns a soak of the given duration.
func usualSoak(s setup, long time.Duration, progress io.Writer) *soak {
	return &soak{
		setup: s, progress: progress, long: long, warmUp: min(time.Minute, long/4), every: time.Minute,
		visitors: 8, pause: 300 * time.Millisecond, patience: 2 * time.Minute,
		heap: 1 << 20, memory: 4 << 20,
	}
}

// run runs the soak and prints its progress. The error names what has grown, or the
// visits that have failed and should not.
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
	// Has one session rest, since what the server makes for the first one stays.
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

// errTimeIsUp is the cause by which a load ends regularly.
var errTimeIsUp = errors.New("time is up")

// load runs visitors for a time, and returns when all have left.
func (s *soak) load(ctx context.Context, c *child, d *dialer, long time.Duration) (*visits, error) {
	// Uses no deadline: what fails because of one may fail before ctx has ended.
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

// tell prints a line of progress.
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

// A holding is something that the server holds. It has grown if there is more of it
// than slack beyond the start.
type holding struct {
	name         string
	value, slack int64
	show         func(float64) string
}

func (h holding) String() string { return h.show(float64(h.value)) }

type holdings []holding

// holdings returns what the server holds now.
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

// countParts returns how many files in the directory of uploads have names that no
// visitor has chosen: parts of uploads that were cut.
func countParts(dir string) (n int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			n++
		}
	}
	return n, err
}

// over returns the names of what has grown since the start.
func (now holdings) over(start holdings) (grown []string) {
	for i, h := range now {
		if h.value > start[i].value+h.slack {
			grown = append(grown, h.name)
		}
	}
	return grown
}

// atStart waits until all clients have left and nothing changes any more, and
// returns what the server holds.
func (s *soak) atStart(ctx context.Context, c *child) (holdings, error) {
	var before holdings
	return s.until(ctx, c, func(now holdings) bool {
		rests := before != nil
		for i, h := range now {
			if h.slack > 0 {
				continue // memory never quite stops changing
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

// until waits until good accepts what the server holds, for at most patience, and
// returns that.
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

// compare returns the table of the start and the end.
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
