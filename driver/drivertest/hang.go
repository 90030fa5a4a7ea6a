package drivertest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// turn is how long others get while a call hangs, before their contexts end.
const turn = 5 * time.Millisecond

var errStuck = errors.New("it does not end")

// attempt does the operation with a fault. It gives the error of the operation,
// and one if that does not end as it should. When the call hangs others have a
// turn before the context of the operation ends.
func (l *lab) attempt(ctx context.Context, tr *trial, fault Fault, w way) (failed, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hanging, over := make(chan struct{}), make(chan struct{})
	defer close(over)
	fault.Do = w.do
	if w.do == nil {
		fault.Do = func(ctx context.Context) error {
			close(hanging)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-over: // it should have ended long ago
				return errStuck
			}
		}
	}
	tr.below.Set(fault)
	done := begin(func() error { return l.op.run(ctx, tr.probe) })
	select {
	case failed = <-done:
		return failed, nil
	case <-time.After(l.patience):
		return nil, errStuck
	case <-hanging:
	}
	err = l.within("another call whose context has ended goes on waiting", func() error { return tr.others(ctx) })
	if err != nil {
		return nil, err
	}
	cancel()
	select {
	case failed = <-done:
		return failed, nil
	case <-time.After(l.patience):
		return nil, fmt.Errorf("the context of the operation has ended: %w", errStuck)
	}
}

// others are calls that must end with their context whatever hangs. What comes
// of them is no matter; they change nothing.
func (tr *trial) others(ctx context.Context) error {
	for _, call := range []func(ctx context.Context) error{
		func(ctx context.Context) error { _, err := tr.Stat(ctx, tr.at("d")); return err },
		func(ctx context.Context) error { return tr.Remove(ctx, tr.at("missing")) },
		func(ctx context.Context) error { return tr.Rename(ctx, tr.at("missing"), tr.at("d/missing")) },
		func(ctx context.Context) error {
			return tr.store(ctx, tr.at("missing/a"), "", driver.StoreOptions{}, false)
		},
	} {
		ctx, cancel := context.WithTimeout(ctx, turn)
		_ = call(ctx)
		cancel()
	}
	return nil
}

// within is f's error, or what it means that f does not end.
func (l *lab) within(meaning string, f func() error) error {
	select {
	case err := <-begin(f):
		return err
	case <-time.After(l.patience):
		return fmt.Errorf("%s: %w", meaning, errStuck)
	}
}

// begin runs f in a goroutine; a panic is an error.
func begin(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		done <- f()
	}()
	return done
}
