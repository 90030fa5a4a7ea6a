package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// smalls returns the workloads that move files of 4 KiB, whose cost is everything
// but the bytes: EPSV, a data connection and its handshake, replies.
func smalls() []workload {
	return []workload{
		small{sessions: 1, files: 2000}.workload(),
		small{sessions: 8, files: 1000}.workload(),
		small{sessions: 1, files: 2000, clear: true}.workload(),
		small{sessions: 1, files: 2000, up: true}.workload(),
		small{sessions: 8, files: 1000, up: true}.workload(),
		small{sessions: 1, files: 100, up: true, bare: true}.workload(),
	}
}

// small is one of the workloads of smalls. A failed transfer is not repeated, and
// costs are divided by the transfers that have worked. After a bare upload the
// server waits for news of its client (server.Server.EndGrace), so the rate of
// bare uploads is reported apart from others.
type small struct {
	clear, up, bare bool
	sessions, files int // files is per session
}

const smallSize = 4 << 10

func (m small) workload() workload {
	protection, in, way, verb := "tls", "over TLS", "", "Download"
	if m.clear {
		protection, in = "clear", "in clear"
	}
	if m.up {
		way, verb = "-up", "Upload"
	}
	who, ports := "in one session", ""
	if m.bare {
		way, in = "-bare", in+", without close_notify,"
	}
	if m.sessions > 1 {
		ports = roomyPorts
		who = fmt.Sprintf("in each of %d sessions at once", m.sessions)
	}
	return workload{
		name:  fmt.Sprintf("%s-small%s-%d", protection, way, m.sessions),
		split: m.sessions == 1 && !m.clear && !m.bare,
		title: fmt.Sprintf("%s %d files of 4 KiB %s %s", verb, m.files, in, who),
		unit:  "file",
		ports: ports,
		run:   m.run,
	}
}

func (m small) run(ctx context.Context, l *load) (sample, error) {
	const warmUps = 5
	m.files = l.times(m.files)
	if !m.up {
		for id := range m.sessions * max(m.files, warmUps) {
			if err := l.file(m.name(id), m.content(id)); err != nil {
				return nil, err
			}
		}
	}
	remove, err := l.uploads()
	if err != nil {
		return nil, err
	}
	defer remove()
	d, err := l.dialer()
	if err != nil {
		return nil, err
	}
	d.clear, d.bare = m.clear, m.bare
	warm := crowd{dialer: d, steps: warmUps}
	if err := warm.gather(ctx, m.sessions); err != nil {
		return nil, err
	}
	defer warm.disperse() // closes the sessions of full, too, which are the same
	warm.step = func(c *client, s, i int) error { return m.move(c, "warm-", s*warmUps+i) }
	if err := warm.run(ctx).hopeless(); err != nil {
		return nil, err
	}
	full := crowd{dialer: d, steps: m.files, members: warm.members}
	moved := make([]bool, m.sessions*m.files) // by id
	full.step = func(c *client, s, i int) error {
		id := s*m.files + i
		err := m.move(c, "", id)
		moved[id] = err == nil
		return err
	}
	var t *tally
	s, err := l.measure(false, func() (float64, error) {
		t = full.run(ctx)
		return float64(t.done), t.hopeless()
	})
	for id := 0; m.up && err == nil && id < len(moved); id++ {
		if moved[id] {
			err = verify(filepath.Join(l.root, m.upload("", id)), m.content(id))
		}
	}
	if err != nil {
		return nil, err
	}
	s[done], s[asked] = float64(t.done), float64(t.asked)
	s.resumption(full.members...)
	return s, nil
}

// move makes one transfer.
func (m small) move(c *client, prefix string, id int) error {
	if m.up {
		return c.put("STOR "+m.upload(prefix, id), m.content(id))
	}
	return c.fetch(m.name(id), m.content(id))
}

func (small) content(id int) content { return content{id, smallSize} }

func (small) name(id int) string { return fmt.Sprintf("small/%05d", id) }

func (small) upload(prefix string, id int) string { return fmt.Sprintf("up/%s%05d", prefix, id) }
