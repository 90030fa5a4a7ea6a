package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// lists returns the workloads that list directories with many files.
func lists() []workload {
	var all []workload
	for _, size := range []struct {
		name           string
		files, repeats int
	}{{"100k", 100_000, 5}, {"1m", 1_000_000, 1}} {
		for _, verb := range []struct{ name, command string }{{"list", "LIST"}, {"mlsd", "MLSD"}, {"nlst", "NLST"}} {
			all = append(all, workload{
				name:  verb.name + "-" + size.name,
				split: verb.name == "list" && size.name == "100k",
				title: fmt.Sprintf("%s of a directory of %d files over TLS", verb.command, size.files),
				unit:  "listing",
				run:   listing{verb.command, size.files, size.repeats}.run,
			})
		}
	}
	return all
}

// listing is one of the workloads of lists. A listing that lacks files is an
// error.
type listing struct {
	command        string
	files, repeats int
}

func (g listing) run(ctx context.Context, l *load) (sample, error) {
	g.files, g.repeats = l.times(g.files), l.times(g.repeats)
	warm := listing{g.command, 100, 1}
	for _, g := range []listing{warm, g} {
		if err := l.many(g.dir(), g.files); err != nil {
			return nil, err
		}
	}
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	// Waits for minutes: some servers sort a million names before they send
	// the first.
	d.buffer, d.timeout = 256<<10, 4*time.Minute
	c, err := d.login(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := warm.list(c); err != nil {
		return nil, err
	}
	s, err := l.measure(true, func() (float64, error) { return float64(g.repeats), g.list(c) })
	if err != nil {
		return nil, err
	}
	s.resumption(c)
	return s, nil
}

func (g listing) dir() string { return fmt.Sprintf("many-%d", g.files) }

// list changes to the directory and lists it.
func (g listing) list(c *client) error {
	if _, err := c.cmd(2, "CWD /"+g.dir()); err != nil {
		return err
	}
	for range g.repeats {
		var e entries
		if err := c.get(g.command, &e); err != nil {
			return err
		}
		if err := e.all(g.files); err != nil {
			return fmt.Errorf("%s: %w", g.command, err)
		}
	}
	return nil
}

// many makes a directory of n empty files, unless it is there. The directory
// gets its name once it is complete.
func (l *load) many(name string, n int) error {
	path := filepath.Join(l.root, name)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	making := name + ".part"
	if err := os.RemoveAll(filepath.Join(l.root, making)); err != nil {
		return err
	}
	if err := l.dir(making); err != nil {
		return err
	}
	dir, err := os.OpenRoot(filepath.Join(l.root, making))
	if err != nil {
		return err
	}
	defer dir.Close()
	for i := range n {
		f, err := dir.Create(fmt.Sprintf("file-%07d.txt", i+1))
		if err != nil {
			return err
		}
		f.Close()
	}
	return os.Rename(filepath.Join(l.root, making), path)
}

// entries counts the files of a listing that is written to it, in any format.
// In every format a line ends with the name. Lines with other names ("..",
// "total 0") don't count.
type entries struct {
	files int
	sum   int // the sum of the files' numbers
	part  []byte
}

func (e *entries) Write(p []byte) (int, error) {
	size := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte("\n"))
		if !found {
			e.part = append(e.part, line...)
			return size, nil
		}
		if len(e.part) > 0 {
			e.part = append(e.part, line...)
			line = e.part
		}
		e.line(line)
		e.part, p = e.part[:0], rest
	}
}

func (e *entries) line(line []byte) {
	const digits = 7
	line = bytes.TrimSuffix(line, []byte("\r"))
	line, named := bytes.CutSuffix(line, []byte(".txt"))
	at := len(line) - digits
	if !named || at < 0 || !bytes.HasSuffix(line[:at], []byte("file-")) {
		return
	}
	if n, err := strconv.Atoi(string(line[at:])); err == nil {
		e.files++
		e.sum += n
	}
}

// all returns an error unless the listing had each of n files once.
func (e *entries) all(n int) error {
	if e.files != n || e.sum != n*(n+1)/2 {
		return fmt.Errorf("the listing has %d entries of %d", e.files, n)
	}
	return nil
}
