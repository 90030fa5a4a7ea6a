package drivertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// turn is how long each of the other calls may take while a call hangs, before
// its context ends.
const turn = 5 * time.Millisecond

var errStuck = errors.New("it does not end")

// attempt does the operation with a fault. It returns the error of the operation
// as failed, and in err why the operation does not end as it should. When a call
// of the FS within hangs, other calls have a turn before the context of the
// operation ends.
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
	op := begin(func() error { return l.op.run(ctx, tr.probe) })
	select {
	case failed = <-op.done:
		return failed, nil
	case <-time.After(l.patience):
		return nil, op.stuck(l.patience)
	case <-hanging:
	}
	err = l.within("another call whose context has ended goes on waiting", func() error { return tr.others(ctx) })
	if err != nil {
		return nil, err
	}
	cancel()
	if failed = op.wait(l.patience); errors.Is(failed, errStuck) {
		return nil, fmt.Errorf("the context of the operation has ended: %w", failed)
	}
	return failed, nil
}

// others makes calls that must end with their contexts, whatever hangs. The calls
// change nothing, and their results don't matter.
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

// within returns f's error. If f does not end, the error begins with meaning,
// which says what must be wrong then.
func (l *lab) within(meaning string, f func() error) error {
	err := begin(f).wait(l.patience)
	if errors.Is(err, errStuck) {
		return fmt.Errorf("%s: %w", meaning, err)
	}
	return err
}
