package main

import (
	"cmp"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// When to look for what uploads have left behind. sweepAge is longer than any upload can stall; it
// matters only on file systems without locks.
const (
	sweepAge   = 24 * time.Hour
	sweepEvery = time.Hour
	sweepFirst = 5 * time.Second
)

// keepSwept removes what uploads of a killed process have left behind, at once and then every hour. It
// returns when the first sweep is done, so that no session sees half of an appended file, but after
// sweepFirst at the latest, since a sweep reads the whole tree.
func (d *daemon) keepSwept(ctx context.Context) {
	swept := make(chan struct{})
	go func() {
		d.sweep(ctx)
		close(swept)
		every := time.NewTicker(sweepEvery)
		defer every.Stop()
		for ctx.Err() == nil {
			select {
			case <-every.C:
				d.sweep(ctx)
			case <-ctx.Done():
			}
		}
	}()
	select {
	case <-swept:
	case <-ctx.Done():
	case <-time.After(sweepFirst):
		d.log.Info("serving while still looking for what interrupted uploads left behind")
	}
}

// sweep sweeps the homes and folders of all users.
func (d *daemon) sweep(ctx context.Context) {
	for _, at := range *d.places.Load() {
		d.sweepHome(ctx, at)
	}
}

func (d *daemon) sweepHome(ctx context.Context, at place) {
	h, done, err := d.homes.use(at)
	if err != nil {
		d.log.Warn("users whose home or folder is missing can't log in", "err", err)
		return
	}
	defer done()
	n, err := h.dir.Sweep(ctx, sweepAge)
	if n > 0 {
		d.log.Info("removed what interrupted uploads left behind", "files", n)
	}
	if err != nil && ctx.Err() == nil {
		d.log.Warn("looking for what interrupted uploads left behind", "err", err)
	}
}

// places returns the homes of all users and their folders that files are stored in, each once, without quotas, and
// without those that are below others.
func (s *settings) places() *[]place {
	var all []place
	if s.dir != "" {
		all = append(all, s.place(&account{}))
	}
	for _, a := range s.withAnonymous() {
		at := s.place(&a)
		at.quota = quota{}
		for _, r := range at.roots() {
			if !r.ReadOnly {
				one := at.only(r)
				one.dir, one.home = cmp.Or(one.home, one.dir), "" // a whole file system is not searched
				all = append(all, one)
			}
		}
	}
	parts := func(p place) string { return strings.ReplaceAll(p.dir, string(filepath.Separator), "\x00") } // sorts a directory right before what is below it
	slices.SortFunc(all, func(a, b place) int { return strings.Compare(parts(a), parts(b)) })
	var apart []place
	for _, at := range all {
		if n := len(apart); n > 0 && within(apart[n-1].dir, at.dir) {
			continue
		}
		apart = append(apart, at)
	}
	return &apart
}

// within reports whether a path is a directory or below it.
func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
