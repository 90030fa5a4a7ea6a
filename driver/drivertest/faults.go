package drivertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/sallyport/sallyport/driver"
)

// RunFaults proves that an FS that wraps another copes with failures of the
// wrapped one. Each call of wrap gives the FS to be tested around fsys, which
// holds a few files, has all abilities and is all that the FS may wrap. The
// options are those of the FS that wrap gives; [Options.Dir] is where the FS
// shows fsys.
//
//	func TestFaults(t *testing.T) {
//		drivertest.RunFaults(t, drivertest.Options{}, func(t *testing.T, fsys driver.FS) driver.FS {
//			return audit.Wrap(fsys)
//		})
//	}
//
// Each operation is done once, to see which methods of fsys it calls. Then it is
// done on a new FS for each of these calls, and the call goes wrong: by an error,
// by an error in the middle of the data, by a panic, or by hanging until its
// context ends. Each time
//
//   - the operation fails with that error, unless it has done what it should;
//   - it has changed nothing, unless it has done what it should;
//   - every reader, upload and listing of fsys has been given back;
//   - a call that hangs ends with the context of the operation, and meanwhile
//     other calls end with theirs;
//   - it can be done again: no lock is held, and in the end Space is the same as
//     if nothing had gone wrong.
//
// Operations that the FS refuses, as a read-only FS does, are skipped by name.
func RunFaults(t *testing.T, o Options, wrap func(t *testing.T, fsys driver.FS) driver.FS) {
	t.Helper()
	for _, op := range operations(o) {
		t.Run(op.name, func(t *testing.T) {
			l := &lab{op: op, o: o, patience: o.patience(),
				wrap: func(fsys driver.FS) driver.FS { return wrap(t, fsys) }}
			var absent *absentError
			switch err := l.run(t.Context()); {
			case errors.As(err, &absent):
				t.Skip(absent)
			case err != nil:
				t.Error(err)
			}
		})
	}
}

var errFault = errors.New("drivertest: a fault")

// A way is one kind of failure.
type way struct {
	name string
	part int
	do   func(context.Context) error // nil hangs
	want []error                     // what the operation may fail with; nil is anything
}

var ways = []way{
	{"fails", 0, Fail(errFault), []error{errFault}},
	{"fails in the middle", 3, Fail(errFault), []error{errFault}},
	{"panics", 0, Panic(errFault), nil},
	{"hangs", 0, nil, []error{context.Canceled}},
}

// A lab does one operation again and again, each time with another fault.
type lab struct {
	op       operation
	o        Options
	wrap     func(driver.FS) driver.FS
	patience time.Duration // how long to wait for a call that may hang

	after view // of the FS when nothing has gone wrong
}

// A trial is a new FS for the operation.
type trial struct {
	*probe
	below  *FaultyFS
	before view
}

func (l *lab) trial(ctx context.Context) (*trial, error) {
	below := Faulty(base())
	tr := &trial{probe: &probe{l.wrap(below), l.o}, below: below}
	if tr.FS == nil {
		return nil, errors.New("wrap returned nil")
	}
	var err error
	tr.before, err = tr.view(ctx)
	below.Set()
	return tr, err
}

func (l *lab) run(ctx context.Context) error {
	tr, err := l.trial(ctx)
	if err != nil {
		return err
	}
	calls, err := l.clean(ctx, tr)
	if err != nil {
		return err
	}
	nth := make(map[string]int)
	for _, method := range calls {
		nth[method]++
		for _, w := range ways {
			if w.part > 0 && method != "Open.Read" && method != "Store.Write" {
				continue
			}
			if err := l.spoil(ctx, Fault{Method: method, Call: nth[method], Part: w.part}, w); err != nil {
				return fmt.Errorf("%s: when call %d of %s of the FS within %s: %w",
					l.op.name, nth[method], method, w.name, err)
			}
		}
	}
	return nil
}

// clean does the operation without a fault and returns the calls that it makes of
// the FS within.
func (l *lab) clean(ctx context.Context, tr *trial) (calls []string, err error) {
	switch err := l.op.run(ctx, tr.probe); {
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrPermission):
		return nil, &absentError{l.op.name}
	case err != nil:
		return nil, fmt.Errorf("with nothing going wrong: %w", err)
	}
	calls = tr.below.Calls()
	if held := tr.below.Held(); len(held) > 0 {
		return nil, fmt.Errorf("with nothing going wrong: not given back: %q", held)
	}
	if l.op.cut && !errors.Is(tr.below.cause, errCut) {
		return nil, fmt.Errorf("the upload within was closed with %v, which is not the cause", tr.below.cause)
	}
	l.after, err = tr.view(ctx)
	return calls, err
}

// spoil does the operation with a fault, and then without.
func (l *lab) spoil(ctx context.Context, fault Fault, w way) error {
	tr, err := l.trial(ctx)
	if err != nil {
		return err
	}
	failed, err := l.attempt(ctx, tr, fault, w)
	if err != nil {
		return err
	}
	tr.below.Set()
	if held := tr.below.Held(); len(held) > 0 {
		return fmt.Errorf("not given back: %q", held)
	}
	if failed != nil && w.want != nil {
		if err := wantError("the operation", failed, w.want...); err != nil {
			return err
		}
	}
	return l.within("something is still locked", func() error { return l.again(ctx, tr, failed) })
}

// again checks the FS after an operation that went wrong, and does the operation
// again.
func (l *lab) again(ctx context.Context, tr *trial, failed error) error {
	now, err := tr.view(ctx)
	if err != nil {
		return fmt.Errorf("afterwards: %w", err)
	}
	if failed == nil {
		return now.same(l.after, "there was no error")
	}
	if err := now.same(tr.before, fmt.Sprintf("the error was %q", failed)); err != nil && !l.o.InPlace {
		if now.same(l.after, "") == nil {
			return nil // it was done all the same
		}
		return err
	}
	if err := l.op.run(ctx, tr.probe); err != nil {
		return fmt.Errorf("again, with nothing going wrong: %w", err)
	}
	now, err = tr.view(ctx)
	if err != nil {
		return err
	}
	return now.same(l.after, "it was done again")
}
