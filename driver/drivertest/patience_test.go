package drivertest

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// stuckFS never returns from Mkdir before the test ends, whatever its context says.
type stuckFS struct {
	driver.FS
	over chan struct{}
}

func (f stuckFS) Mkdir(context.Context, string) error { return f.hangingMkdir() }

func (f stuckFS) hangingMkdir() error { <-f.over; return nil }

// A case that hangs fails after 20 seconds. The error has the sentence of the case
// and the stack of the goroutine that hangs, be it one that the case started.
func TestHangingCaseFails(t *testing.T) {
	for _, tt := range []struct {
		name     string
		o        Options
		patience time.Duration
	}{
		{"mkdir", Options{}, 20 * time.Second},
		{"mkdir", Options{Patience: time.Hour}, time.Hour},
		{"together", Options{}, 20 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			for _, c := range checks(tt.o) {
				if c.name != tt.name {
					continue
				}
				over := make(chan struct{})
				began := time.Now()
				err := c.try(t.Context(), stuckFS{driver.Mem(), over}, tt.o)
				assert.Equal(t, tt.patience, time.Since(began))
				assert.ErrorIs(t, err, errStuck)
				said := c.broken(err)
				assert.Contains(t, said, c.sentence)
				assert.Contains(t, said, "it does not end within "+tt.patience.String())
				assert.Contains(t, said, "hangingMkdir")
				assert.NotContains(t, said, "TestHangingCaseFails", "other goroutines are of no use")
				close(over)
				synctest.Wait()
				return
			}
			t.Fatalf("there is no case %q", tt.name)
		})
	}
}

// The context of a case that hangs ends, and with it the goroutine.
func TestHangingCaseIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := Faulty(driver.Mem(), Fault{Method: "Mkdir", Do: Hang})
		err := check{name: "x", run: func(ctx context.Context, f *probe) error { return f.Mkdir(ctx, "a") }}.try(t.Context(), fsys, Options{})
		assert.ErrorIs(t, err, errStuck)
		synctest.Wait() // and no goroutine is left
	})
}

// A case whose FS ends the goroutine, as t.Fatal does, or panics fails without a
// wait.
func TestCaseThatExits(t *testing.T) {
	err := check{run: func(context.Context, *probe) error { runtime.Goexit(); return nil }}.try(t.Context(), driver.Mem(), Options{})
	assert.ErrorIs(t, err, errExited)
	err = check{run: func(context.Context, *probe) error { panic("boom") }}.try(t.Context(), driver.Mem(), Options{})
	assert.ErrorContains(t, err, "panic: boom")
	assert.ErrorContains(t, err, "TestCaseThatExits")
}

// Of many stacks only a few are shown.
func TestManyStacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		c := begin(func() error {
			var wg sync.WaitGroup
			for range 30 {
				wg.Go(func() { <-over })
			}
			wg.Wait()
			return nil
		})
		err := c.wait(time.Second)
		require.ErrorIs(t, err, errStuck)
		require.ErrorContains(t, err, "and 21 goroutines more")
		close(over)
		require.NoError(t, <-c.done)
	})
}

// RunFaults says where an operation hangs as well.
func TestHangingOperationShowsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		l := &lab{patience: Options{}.patience()}
		err := l.within("something is still locked", stuckFS{driver.Mem(), over}.hangingMkdir)
		assert.ErrorContains(t, err, "something is still locked: it does not end within 20s")
		assert.ErrorContains(t, err, "hangingMkdir")
		close(over)
	})
}
