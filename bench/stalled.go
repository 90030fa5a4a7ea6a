package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// stalls returns the workloads of clients that begin transfers and don't continue
// them.
func stalls() []workload {
	var all []workload
	for _, s := range []stall{
		{"", "downloads", func(c *client, _ int) error { return c.stallDownload("RETR own/huge") }},
		{"-up", "uploads", (*client).stallUpload},
		{"-list", "listings by LIST of 10,000 long names", listLong("LIST")},
		{"-mlsd", "listings by MLSD of 10,000 long names", listLong("MLSD")},
		{"-nlst", "listings by NLST of 10,000 long names", listLong("NLST")},
	} {
		all = append(all, workload{
			name: "stalled" + s.suffix + "-1000",
			title: "Visit (login, a small file, QUIT) alone, and beside 1,000 " + s.what + " over TLS with which their clients, at ten addresses, " +
				"don't go on; memory is that of all 1,000",
			unit:  "visit",
			ports: "21000-22199",
			only:  []string{ours}, // the limits of the peers forbid so many
			run:   s.run,
		})
	}
	return all
}

// A stall is a way to begin a transfer and leave it. The transfer ends with the
// session.
type stall struct {
	suffix, what string
	begin        func(c *client, i int) error
}

// stallUpload sends some of a file, and a part of the next TLS record.
func (c *client) stallUpload(i int) error {
	data, err := c.open(fmt.Sprintf("STOR up/%d", i))
	if err != nil {
		return err
	}
	data.wire.gather = false
	if _, err = data.Write(make([]byte, 100_000)); err == nil {
		_, err = data.wire.Write(append([]byte{23, 3, 3, 0x40, 0}, make([]byte, 8<<10)...)) // of 16 KiB: RFC 8446, section 5.1
	}
	return err
}

func listLong(verb string) func(*client, int) error {
	return func(c *client, _ int) error { return c.stallDownload(verb + " long") }
}

// stallDownload begins a transfer and reads none of it. It fixes the size of the
// receive buffer: on a busy machine the client's kernel would otherwise let it grow
// until it holds all of a listing.
func (c *client) stallDownload(line string) error {
	data, err := c.open(line)
	if err != nil {
		return err
	}
	return data.wire.Conn.(*net.TCPConn).SetReadBuffer(128 << 10)
}

// longNames makes a directory of n files whose names alone exceed what the kernel
// buffers of a listing that nobody reads.
func (l *load) longNames(n int) error {
	dir := filepath.Join(l.root, "long")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range n {
		f, err := os.Create(fmt.Sprintf("%s/%0240d", dir, i))
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

func (s stall) run(ctx context.Context, l *load) (sample, error) {
	const addresses = 10
	n, visits, rest := l.times(1000), l.times(200), 2*time.Second // as for sessions at rest
	if l.quick {
		rest = settle
	}
	small := content{0, smallSize}
	err := errors.Join(l.file("own/000", small), l.file("own/huge", content{1, 24 << 20})) // more than the kernel buffers
	if strings.HasSuffix(s.what, "names") {
		err = errors.Join(err, l.longNames(10_000))
	}
	if err = errors.Join(err, l.dir("up")); err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Join(l.root, "up"))
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	if _, err := d.visits(ctx, visits, small); err != nil { // to warm up
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
		return s.begin(clients[i], i)
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
	}, stillStalled(clients)
}

// stillStalled returns an error if a transfer has ended.
func stillStalled(clients []*client) error {
	for _, c := range clients {
		_ = c.conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		line, err := c.lines.ReadLine()
		var timeout net.Error
		switch {
		case err == nil:
			return fmt.Errorf("a transfer that should stall has ended: %s", line)
		case !errors.As(err, &timeout) || !timeout.Timeout():
			return fmt.Errorf("a session that should stall has ended: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
	}
	return nil
}

// visits logs in and fetches a file n times, and returns the median of the times.
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
