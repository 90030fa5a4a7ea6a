package main

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEndings(t *testing.T) {
	const ms = time.Millisecond
	type sent struct {
		at  time.Duration
		sig os.Signal // nil for the end of the context
	}
	for name, c := range map[string]struct {
		hangupEnds           bool
		sent                 []sent
		drains, cuts, hangup bool
	}{
		"one TERM":                 {sent: []sent{{0, syscall.SIGTERM}}, drains: true},
		"two TERMs are one":        {sent: []sent{{0, syscall.SIGTERM}, {1000 * ms, syscall.SIGTERM}}, drains: true},
		"five TERMs are one":       {sent: []sent{{0, syscall.SIGTERM}, {1 * ms, syscall.SIGTERM}, {2 * ms, syscall.SIGTERM}, {3 * ms, os.Interrupt}, {999 * ms, syscall.SIGTERM}}, drains: true},
		"another one later":        {sent: []sent{{0, syscall.SIGTERM}, {1001 * ms, syscall.SIGTERM}}, drains: true, cuts: true},
		"INT and TERM":             {sent: []sent{{0, os.Interrupt}, {10 * ms, syscall.SIGTERM}}, drains: true},
		"context":                  {sent: []sent{{0, nil}}, drains: true},
		"context and signal":       {sent: []sent{{0, nil}, {0, syscall.SIGTERM}}, drains: true},
		"context, then TERM":       {sent: []sent{{0, nil}, {2000 * ms, syscall.SIGTERM}}, drains: true, cuts: true},
		"HUP of a daemon":          {sent: []sent{{0, syscall.SIGHUP}, {5000 * ms, syscall.SIGHUP}}, hangup: true},
		"HUP while it drains":      {sent: []sent{{0, syscall.SIGTERM}, {5000 * ms, syscall.SIGHUP}}, drains: true, hangup: true},
		"HUP of a terminal":        {hangupEnds: true, sent: []sent{{0, syscall.SIGHUP}}, drains: true},
		"HUP and TERM of a shell":  {hangupEnds: true, sent: []sent{{0, syscall.SIGHUP}, {10 * ms, syscall.SIGTERM}}, drains: true},
		"HUP of a terminal, later": {hangupEnds: true, sent: []sent{{0, syscall.SIGTERM}, {2000 * ms, syscall.SIGHUP}}, drains: true, cuts: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				signals, hangup := make(chan os.Signal), false
				e, stop := awaitEndings(ctx, signals, func() bool { hangup = !c.hangupEnds; return c.hangupEnds })
				start := time.Now()
				for _, s := range c.sent {
					time.Sleep(s.at - time.Since(start))
					if s.sig == nil {
						cancel()
					} else {
						signals <- s.sig
					}
					synctest.Wait()
				}
				require.Equal(t, c.drains, e.drain.Err() != nil, "drains")
				require.Equal(t, c.cuts, e.cut.Err() != nil, "cuts")
				require.Equal(t, c.hangup, hangup, "hangs up")
				stop()
				require.Error(t, e.cut.Err())
			})
		})
	}
}
