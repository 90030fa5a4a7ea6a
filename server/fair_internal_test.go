package server

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Sessions compute in turns, each as often as the others, and never more at a time
// than there are places.
func TestFairTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			f        fair
			all      sync.WaitGroup
			mu       sync.Mutex
			at, most int
			turns    = make([]int, 20)
		)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range turns {
			all.Go(func() {
				p := f.take(ctx, new(spent))
				defer p.give()
				for ctx.Err() == nil {
					mu.Lock()
					at++
					most = max(most, at)
					turns[i]++
					mu.Unlock()
					time.Sleep(turnTime)
					mu.Lock()
					at--
					mu.Unlock()
					p.breathe()
				}
			})
		}
		time.Sleep(20 * 100 * turnTime)
		cancel()
		all.Wait()
		require.Equal(t, fairPlaces(), most)
		for _, n := range turns {
			require.InDelta(t, turns[0], n, float64(turns[0])/10)
		}
		require.Greater(t, turns[0], 50)
		require.Empty(t, f.held)
		require.Empty(t, f.line)
	})
}

// A place whose owner waits for something else is given to those in line.
func TestFairLostPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fair
		var held []*place
		for range fairPlaces() {
			held = append(held, f.take(t.Context(), new(spent)))
		}
		began := time.Now()
		p := f.take(t.Context(), new(spent))
		require.LessOrEqual(t, time.Since(began), 2*lostAfter)
		for _, h := range held {
			h.breathe() // gets another when one is free
			h.give()
		}
		p.give()
		require.Empty(t, f.held)
	})
}

// A session that ends while in line leaves nothing behind.
func TestFairEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fair
		for range fairPlaces() {
			f.take(t.Context(), new(spent))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		p := f.take(ctx, new(spent))
		require.Empty(t, f.line)
		p.give()
		require.Len(t, f.held, fairPlaces())
	})
}

// A session that has computed little goes before sessions that compute all the
// time.
func TestFairLittleFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			f   fair
			all sync.WaitGroup
		)
		ctx, cancel := context.WithCancel(t.Context())
		for range 20 {
			all.Go(func() {
				p := f.take(ctx, new(spent))
				defer p.give()
				for ctx.Err() == nil {
					time.Sleep(turnTime)
					p.breathe()
				}
			})
		}
		time.Sleep(time.Second)
		var session spent
		wait := func(work time.Duration) time.Duration {
			began := time.Now()
			p := f.take(ctx, &session)
			defer p.give()
			took := time.Since(began)
			time.Sleep(work)
			return took
		}
		for range 20 {
			require.LessOrEqual(t, wait(turnTime/2), turnTime)
			time.Sleep(rememberFor * turnTime / 2)
		}
		for range 20 {
			wait(turnTime)
		}
		require.Greater(t, wait(turnTime), 2*turnTime, "in line with the others")
		time.Sleep(mostRemembered)
		require.LessOrEqual(t, wait(0), turnTime, "all is forgotten")
		cancel()
		all.Wait()
	})
}
