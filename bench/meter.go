package main

import (
	"errors"
	"sync"
	"time"
)

// settle is left before each look at the server's clock, for what it does after
// its last reply. An idle server uses no time.
const settle = 100 * time.Millisecond

// watchEvery is the time between two looks at the server's memory. They cost
// the one who looks.
const watchEvery = 50 * time.Millisecond

// measure runs work, which says how many units it did, and returns cpu and rate,
// and with watched peak.
func (l *load) measure(watched bool, work func() (units float64, err error)) (sample, error) {
	time.Sleep(settle)
	stop := func() float64 { return 0 }
	if watched {
		var err error
		if stop, err = l.watch(); err != nil {
			return nil, err
		}
	}
	before, err := l.cpuTime()
	if err != nil {
		stop()
		return nil, err
	}
	began := time.Now()
	units, err := work()
	took := time.Since(began)
	growth := stop()
	if err != nil {
		return nil, err
	}
	time.Sleep(settle)
	after, err := l.cpuTime()
	if err != nil {
		return nil, err
	}
	s := sample{cpu: (after - before).Seconds() / units, rate: units / took.Seconds()}
	if watched {
		s[peak] = growth
	}
	return s, nil
}

// watch looks at the server's memory until stop is called, which returns the
// most it has seen, over what was before. A look that fails, because a process
// has just ended, is passed over.
func (in *instance) watch() (stop func() float64, err error) {
	before, err := in.pss()
	if err != nil {
		return nil, err
	}
	most := before
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for more := true; more; {
			select {
			case <-tick.C:
			case <-end:
				more = false
			}
			if now, err := in.pss(); err == nil {
				most = max(most, now)
			}
		}
	}()
	return func() float64 {
		close(end)
		<-ended
		return float64(most - before)
	}, nil
}

// times returns how often something is done n times: a hundredth in quick mode.
func (l *load) times(n int) int {
	if l.quick {
		return max(1, n/100)
	}
	return n
}

// together calls f for 0 to n-1, limit at a time, and joins the errors.
func together(n, limit int, f func(i int) error) error {
	var wg sync.WaitGroup
	errs := make([]error, n)
	turn := make(chan struct{}, limit)
	for i := range n {
		turn <- struct{}{}
		wg.Go(func() {
			errs[i] = f(i)
			<-turn
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
