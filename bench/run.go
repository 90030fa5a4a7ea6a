package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// usualPorts are the data ports for workloads that name none.
const usualPorts = "21000-21010"

// A runner runs workloads on contenders. Every run has a freshly started
// server, so that none inherits another's memory. All contenders run a
// workload before any runs it again, and each round begins with another
// contender, so that a disturbance of the machine doesn't fall on one of them
// alone.
type runner struct {
	contenders []contender
	workloads  []workload

	// limit is the name of the contender that is no server, and runs only the
	// workloads made for it.
	limit string

	// rounds is how often each contender runs each workload. Once a workload
	// has taken as long as enough, no further round of it begins.
	rounds int
	enough time.Duration

	// patience bounds one run, which fails then.
	patience time.Duration

	quick    bool
	setup    setup // equal for all contenders, but for scratch and ports
	dir      string
	progress io.Writer
}

// furnish makes in dir what all runs need: the certificate and the directory
// to serve.
func (s *setup) furnish(dir string) error {
	s.user, s.password = "bench", "correct-horse"
	s.thief, s.thiefPassword = "thief", "battery-staple"
	s.root = filepath.Join(dir, "root")
	s.cert, s.key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := os.Mkdir(s.root, 0o755); err != nil {
		return err
	}
	return writeCertificate(s.cert, s.key)
}

// run runs everything. The failure of a contender is part of its outcome; an
// error is one of the machine, or of ctx.
func (r *runner) run(ctx context.Context) ([]outcome, error) {
	var all []outcome // the complete outcomes, if ctx ends
	for i, w := range r.workloads {
		fmt.Fprintf(r.progress, "%s (%d of %d): %s\n", w.name, i+1, len(r.workloads), w.title)
		if i > 0 && w.unit != r.workloads[i-1].unit {
			// Removes the files, since servers may look at all of them when
			// they start.
			if err := r.setup.empty(); err != nil {
				return all, err
			}
		}
		if w.prepare != nil {
			if err := w.prepare(r.setup.root); err != nil {
				return all, fmt.Errorf("%s: prepare its files: %w", w.name, err)
			}
		}
		out, err := r.workload(ctx, w)
		if err != nil {
			return all, err
		}
		if len(out.Rows) > 0 {
			all = append(all, out)
		}
	}
	return all, nil
}

// empty removes all files from the served directory.
func (s *setup) empty() error {
	entries, err := os.ReadDir(s.root)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.root, entry.Name())))
	}
	return err
}

// takes reports whether a workload is to be run on a contender.
func (r *runner) takes(w workload, c contender) bool {
	if w.only != nil {
		return slices.Contains(w.only, c.name)
	}
	return c.name != r.limit && (w.split || c.name != split)
}

// workload runs all rounds of a workload.
func (r *runner) workload(ctx context.Context, w workload) (outcome, error) {
	out := outcome{Workload: w.name, Title: w.title, Unit: w.unit}
	var turn []contender
	for _, c := range r.contenders {
		if r.takes(w, c) {
			turn = append(turn, c)
			out.Rows = append(out.Rows, row{Server: c.name})
		}
	}
	began := time.Now()
	for round := range r.rounds {
		if round > 0 && time.Since(began) > r.enough {
			break
		}
		for i := range turn {
			i = (i + round) % len(turn)
			if len(out.Rows[i].Errors) > 1 {
				continue // has failed twice already
			}
			before := time.Now()
			s, err := r.once(ctx, turn[i], w)
			if ctx.Err() != nil {
				return out, context.Cause(ctx)
			}
			if err != nil {
				out.Rows[i].Errors = append(out.Rows[i].Errors, brief(err))
			} else {
				out.Rows[i].Samples = append(out.Rows[i].Samples, s)
			}
			r.say(turn[i], out.Unit, time.Since(before), s, err)
		}
	}
	return out, nil
}

// once starts a server, runs a workload on it and stops the server.
func (r *runner) once(ctx context.Context, c contender, w workload) (s sample, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.patience, fmt.Errorf("not done after %v", r.patience))
	defer cancel()
	given := r.setup
	given.ports = w.ports
	if given.ports == "" {
		given.ports = usualPorts
	}
	if given.scratch, err = os.MkdirTemp(r.dir, "scratch-"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(given.scratch)
	if err := os.Chmod(given.scratch, 0o755); err != nil { // some servers drop root's rights
		return nil, err
	}
	in, err := c.start(ctx, &given)
	if err != nil {
		return nil, fmt.Errorf("start: %w", because(ctx, err))
	}
	s, err = w.run(ctx, &load{instance: in, setup: &given, quick: r.quick})
	if err != nil {
		err = because(ctx, err)
	}
	if stopped := in.stop(); stopped != nil {
		err = errors.Join(err, fmt.Errorf("stop: %w", stopped))
	}
	return s, err
}

// because returns the cause of ctx's end if ctx has ended, else err.
func because(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// brief returns an error in one line, short enough for a table. It leaves out
// a line that repeats the one before, as if several sessions have met the same
// error.
func brief(err error) string {
	lines := slices.Compact(strings.Split(err.Error(), "\n"))
	line := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
	if short := []rune(line); len(short) > 160 {
		line = string(short[:160]) + "…"
	}
	return line
}

// say prints how a run went, with all its metrics.
func (r *runner) say(c contender, unit string, took time.Duration, s sample, err error) {
	fmt.Fprintf(r.progress, "  %5.1fs  %-16s ", took.Seconds(), c.name)
	if err != nil {
		fmt.Fprintf(r.progress, "failed: %s\n", brief(err))
		return
	}
	alone := row{Server: c.name, Samples: []sample{s}}
	var parts []string
	for _, col := range columnsOf(unit, []row{alone}) {
		parts = append(parts, strings.TrimSpace(col.name+" "+col.cell(alone)+" "+col.unit))
	}
	fmt.Fprintln(r.progress, strings.Join(parts, ", "))
}
