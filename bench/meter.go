package main

import (
	"errors"
	"sync"
	"time"
)

// settle is the pause before each reading of the server's CPU time, for what the
// server does after its last reply. An idle server uses no time.
const settle = 100 * time.Millisecond

// watchEvery is the time between two readings of the server's memory. It is not
// shorter, since readings cost CPU time.
const watchEvery = 50 * time.Millisecond

// measure calls work, which returns how many units it has done, and returns cpu
// and rate. If watched is set, it also returns peak.
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

// watch reads the server's memory until stop is called, which returns the most
// it has seen beyond that at the start. It ignores a reading that fails, since a
// process may just have ended.
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

// times returns n, or a hundredth of it in quick mode.
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
