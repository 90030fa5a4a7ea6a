package logqueue

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// reader stands for whoever reads the log. It takes the lines, or stalls, or refuses
// them.
type reader struct {
	mu    sync.Mutex
	lines []string
	err   error
	stall chan struct{} // nil for none; closing it lets the line pass
}

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	stall := r.stall
	r.mu.Unlock()
	if stall != nil {
		<-stall
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return 0, r.err
	}
	r.lines = append(r.lines, string(p))
	return len(p), nil
}

func (r *reader) set(err error, stall chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.stall = err, stall
}

func (r *reader) all() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "")
}

func missing(n uint64) string { return fmt.Sprintf("(%d dropped)\n", n) }

func write(q *Queue, lines ...string) {
	for _, line := range lines {
		q.Write([]byte(line + "\n"))
	}
}

func TestWritesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(reader)
		q := New(r, 0, missing)
		line := []byte("a\n")
		q.Write(line)
		line[0] = 'x' // the line is the caller's again
		write(q, "b", "c")
		q.Close(time.Second)
		require.Equal(t, "a\nb\nc\n", r.all())
		write(q, "late")
		require.Equal(t, "a\nb\nc\n", r.all())
	})
}

// Row 55 of the security cases: a reader that stalls holds nobody up, memory is
// bounded, and what is missing is counted where it is missing, whether the goroutine
// that writes has taken one line by then or all.
func TestReaderStalls(t *testing.T) {
	for _, taken := range []func(){synctest.Wait, func() {}} {
		testReaderStalls(t, taken)
	}
}

func testReaderStalls(t *testing.T, taken func()) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{stall: make(chan struct{})}
		q := New(r, 10, missing)
		start := time.Now()
		write(q, "1234")
		taken()
		write(q, "5678") // ten bytes
		for range 1000 {
			write(q, "lost")
			synctest.Wait()
		}
		require.Zero(t, time.Since(start))
		close(r.stall)
		require.Equal(t, "1234\n5678\n(1000 dropped)\n", r.all())
		write(q, "on")
		require.Equal(t, "1234\n5678\n(1000 dropped)\non\n", r.all())
		q.Close(time.Second)
	})
}

// A reader that dies loses lines, and is told how many once it is back, as when a
// disk has room again.
func TestReaderDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(reader)
		q := New(r, 0, missing)
		write(q, "a")
		require.Equal(t, "a\n", r.all())
		r.set(errors.New("broken pipe"), nil)
		for range 3 {
			write(q, "lost")
			synctest.Wait()
		}
		r.set(nil, nil)
		require.Equal(t, "a\n", r.all())
		write(q, "b")
		require.Equal(t, "a\n(3 dropped)\nb\n", r.all())
		q.Close(time.Second)
	})
}

// Close waits for a slow reader for as long as its grace, and no longer.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{stall: make(chan struct{})}
		q := New(r, 0, missing)
		write(q, "a")
		start := time.Now()
		q.Close(time.Second)
		require.Equal(t, time.Second, time.Since(start))
		close(r.stall)
		require.Equal(t, "a\n", r.all())
	})
}

// Written waits until a line is written, but no longer than its patience.
func TestWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(reader)
		q := New(r, 0, missing)
		defer q.Close(time.Second)
		require.True(t, q.Written(0))
		write(q, "a")
		require.True(t, q.Written(time.Hour))
		require.Equal(t, "a\n", r.all())
		stall := make(chan struct{})
		r.set(nil, stall)
		write(q, "b", "c")
		start := time.Now()
		require.False(t, q.Written(time.Minute))
		require.Equal(t, time.Minute, time.Since(start))
		require.False(t, q.Written(0))
		time.AfterFunc(time.Second, func() { r.set(errors.New("disk full"), nil); close(stall) })
		require.True(t, q.Written(time.Minute)) // c is lost, which notice tells
		require.Equal(t, time.Minute+time.Second, time.Since(start))
		r.set(nil, nil)
	})
}
