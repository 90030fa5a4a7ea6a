package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

const gib = 1 << 30

// roomyPorts are the data ports of workloads that have several sessions and
// don't test data ports. Pure-FTPd admits half as many sessions as it has
// ports, and vsftpd often fails if the port it has chosen is in use.
const roomyPorts = "21000-21063"

// bulks returns the workloads that move large files: one or eight at once,
// each way, with TLS and in clear.
func bulks() []workload {
	var all []workload
	for _, inClear := range []bool{false, true} {
		for _, up := range []bool{false, true} {
			for _, b := range []bulk{{sessions: 1, size: gib}, {sessions: 8, size: gib / 4}} {
				b.clear, b.up = inClear, up
				all = append(all, b.workload())
			}
		}
	}
	return all
}

// bulk is one of the workloads of bulks.
type bulk struct {
	clear, up bool
	sessions  int
	size      int64 // size of each session's file
}

func (b bulk) workload() workload {
	protection, in, way, verb := "tls", "over TLS", "down", "Download"
	if b.clear {
		protection, in = "clear", "in clear"
	}
	if b.up {
		way, verb = "up", "Upload"
	}
	what, ports := "1 GiB", ""
	if b.sessions > 1 {
		ports = roomyPorts
		what = fmt.Sprintf("256 MiB in each of %d sessions at once", b.sessions)
	}
	return workload{
		name:  fmt.Sprintf("%s-%s-%d", protection, way, b.sessions),
		split: b.sessions == 1 && !b.clear && !b.up,
		title: fmt.Sprintf("%s %s %s", verb, what, in),
		unit:  "GiB",
		ports: ports,
		run:   b.run,
	}
}

func (b bulk) run(ctx context.Context, l *load) (sample, error) {
	if l.quick {
		b.size /= 128
	}
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	d.clear, d.buffer, d.timeout = b.clear, 256<<10, 5*time.Minute
	warm, full := content{size: 1 << 20}, content{size: b.size}
	for _, what := range []content{warm, full} {
		if err := l.file(b.name(what), what); err != nil {
			return nil, err
		}
	}
	remove, err := l.uploads()
	if err != nil {
		return nil, err
	}
	defer remove()
	clients, err := d.logins(ctx, b.sessions)
	if err != nil {
		return nil, err
	}
	defer hangUp(clients)
	move := func(what content) error {
		return together(len(clients), len(clients), func(i int) error {
			if b.up {
				return clients[i].put("STOR "+b.upload(what, i), what)
			}
			return clients[i].fetch(b.name(what), what)
		})
	}
	if err := move(warm); err != nil {
		return nil, err
	}
	s, err := l.measure(true, func() (float64, error) {
		return float64(b.size) * float64(b.sessions) / gib, move(full)
	})
	for i := 0; b.up && err == nil && i < b.sessions; i++ {
		err = verify(filepath.Join(l.root, b.upload(full, i)), full)
	}
	if err != nil {
		return nil, err
	}
	s.resumption(clients...)
	return s, nil
}

// name returns the name of the file that every session fetches.
func (bulk) name(what content) string { return fmt.Sprintf("bulk/%d", what.size) }

// upload returns the name of the file that session i stores.
func (bulk) upload(what content, i int) string { return fmt.Sprintf("up/%d-%d", what.size, i) }
