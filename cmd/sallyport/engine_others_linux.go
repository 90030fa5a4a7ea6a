package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// How long another engine may take to answer, and to answer a request that ends sessions. The keeper may take
// relayPatience more to pass the answer on. All of that is less than an answer on the control socket may take.
const (
	otherPatience = 5 * time.Second
	endsPatience  = kickGrace + otherPatience
	relayPatience = 5 * time.Second
)

// patienceOf returns how long an engine may take to answer a request; ends says that the request ends sessions.
func patienceOf(ends bool) time.Duration {
	if ends {
		return endsPatience
	}
	return otherPatience
}

// askOthers asks all other engines by way of the keeper. An engine that has ended meanwhile gives no answer.
func (e *engine) askOthers(ctx context.Context, q engineRequest) []engineAnswer {
	var pids []int
	err := e.keeper.Ask(ctx, usualPatience, askEngines, nil, nil, func(r *channel.Reader, _ *os.File) error {
		for range min(r.Uint(), mostLiving) {
			pids = append(pids, int(r.Uint()))
		}
		return nil
	})
	if err != nil {
		e.log.Warn("the keeper doesn't say which engines there are", "err", err)
		return nil
	}
	answers := make([]engineAnswer, len(pids))
	gone := make([]bool, len(pids))
	var wg sync.WaitGroup
	for i, pid := range pids {
		wg.Go(func() {
			err := e.askOther(ctx, pid, q, &answers[i])
			gone[i] = errors.Is(err, channel.ErrGone)
			if err != nil && !gone[i] {
				if !errors.Is(err, errors.ErrUnsupported) { // programs of before know no such question
					e.log.Warn("another engine doesn't answer", "pid", pid, "err", err)
				}
				answers[i] = engineAnswer{Silent: true}
			}
			answers[i].Engine = pid
		})
	}
	wg.Wait()
	var all []engineAnswer
	for i, a := range answers {
		if !gone[i] {
			all = append(all, a)
		}
	}
	return all
}

// askOther asks one other engine.
func (e *engine) askOther(ctx context.Context, pid int, q engineRequest, to *engineAnswer) error {
	f, err := packed(q)
	if err != nil {
		return err
	}
	defer f.Close()
	patience := patienceOf(q.ends()) + relayPatience
	return e.keeper.Ask(ctx, patience, askOther, func(w *channel.Writer) { w.Uint(uint64(pid)); w.Bool(q.ends()) }, f, func(_ *channel.Reader, f *os.File) error {
		return unpack(f, to)
	})
}

// answerOther answers a request of another engine.
func (e *engine) answerOther(ctx context.Context, f *os.File) (*os.File, error) {
	var q engineRequest
	if err := unpack(f, &q); err != nil {
		return nil, err
	}
	select {
	case <-e.begun:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return packed(e.carryOut(ctx, q))
}
