package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/server"
)

// TestCrowdLogsInAnew cuts the control connection in the middle of a crowd's
// transfers.
func TestCrowdLogsInAnew(t *testing.T) {
	l := newLoad(t)
	what := content{7, smallSize}
	require.NoError(t, l.file("own/007", what))
	d, err := l.dialer()
	require.NoError(t, err)
	w := crowd{dialer: d, steps: 4}
	w.step = func(c *client, _, i int) error {
		if i == 1 {
			c.conn.Close()
		}
		return c.fetch("own/007", what)
	}
	require.NoError(t, w.gather(within(t), 3))
	defer w.disperse()
	tally := w.run(within(t))
	require.Equal(t, 12, tally.asked)
	require.Equal(t, 9, tally.done)
	require.Len(t, tally.waits, 9)
	require.Zero(t, tally.stolen)
	require.Error(t, tally.err)
	require.NoError(t, tally.hopeless())
	s := sample{}
	s.resumption(w.members...)
	require.EqualValues(t, 1, s[resumed])
}

// TestCrowdBeforeClosedDoors checks that a full server fails the transfers of
// the sessions that it doesn't admit, and that any other refusal of all
// sessions is an error.
func TestCrowdBeforeClosedDoors(t *testing.T) {
	l := newLoad(t, func(srv *server.Server) { srv.MaxSessionsPerAddress = 2 })
	what := content{7, smallSize}
	require.NoError(t, l.file("own/007", what))
	d, err := l.dialer()
	require.NoError(t, err)
	w := crowd{dialer: d, steps: 3}
	w.step = func(c *client, _, _ int) error { return c.fetch("own/007", what) }
	require.NoError(t, w.gather(within(t), 5))
	defer w.disperse()
	tally := w.run(within(t))
	require.Equal(t, 15, tally.asked)
	require.Equal(t, 6, tally.done)
	require.True(t, full(tally.err))

	outside := crowd{dialer: d, steps: 3, step: w.step}
	require.NoError(t, outside.gather(within(t), 1))
	tally = outside.run(within(t))
	require.Zero(t, tally.done)
	require.True(t, full(tally.hopeless()))

	_, err = named(t, "squatters-50-same").run(within(t), l)
	require.NoError(t, err)

	there := *d
	there.from, there.password = otherAddress, "wrong"
	wrong := crowd{dialer: &there, steps: 1, step: w.step}
	require.ErrorContains(t, wrong.gather(within(t), 2), "PASS: 530")
}

// TestCrowdEndsInTime checks that transfers for which no time is left count
// as failed.
func TestCrowdEndsInTime(t *testing.T) {
	l := newLoad(t)
	d, err := l.dialer()
	require.NoError(t, err)
	for name, budget := range map[string]time.Duration{"budget": time.Nanosecond, "context": 0} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			tried := 0
			w := crowd{dialer: d, steps: 1_000_000_000, budget: budget}
			w.step = func(*client, int, int) error {
				if tried++; tried == 3 {
					cancel()
				}
				return nil
			}
			require.NoError(t, w.gather(within(t), 1))
			defer w.disperse()
			tally := w.run(ctx)
			require.Equal(t, w.steps, tally.asked)
			require.Equal(t, tried, tally.done)
			require.LessOrEqual(t, tried, 3)
		})
	}
}
