//go:build linux

package tally

import (
	"context"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// limited returns an FS under a quota, as one of the processes that share a table sees it.
func limited(t *testing.T, table *Table, files driver.FS, quota int64) (*driver.Limited, *Usage) {
	t.Helper()
	place, f, err := table.Enter()
	require.NoError(t, err)
	u, err := Open(f, place)
	require.NoError(t, err)
	t.Cleanup(func() { u.Close() })
	l, err := driver.LimitTogether(files, driver.Quota{Bytes: quota}, u)
	require.NoError(t, err)
	require.NoError(t, u.Measure(t.Context(), func() error { return l.Measure(t.Context()) }))
	return l, u
}

func newTable(t *testing.T) *Table {
	t.Helper()
	table, err := NewTable()
	require.NoError(t, err)
	t.Cleanup(func() { table.File.Close() })
	return table
}

// begin begins an upload and writes n bytes.
func begin(t *testing.T, l *driver.Limited, name string, n int) driver.Upload {
	t.Helper()
	u, err := l.Store(t.Context(), name, driver.StoreOptions{})
	require.NoError(t, err)
	_, err = io.WriteString(u, strings.Repeat("x", n))
	require.NoError(t, err)
	return u
}

func store(ctx context.Context, l *driver.Limited, name string, n int) error {
	u, err := l.Store(ctx, name, driver.StoreOptions{})
	if err != nil {
		return err
	}
	if _, err = io.WriteString(u, strings.Repeat("x", n)); err == nil {
		err = u.Commit()
	}
	return first(err, u.Close(err))
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func used(l *driver.Limited) int64 {
	n, _ := l.Used()
	return n
}

// Two that share a quota count what each stores, removes and is about to store.
func TestTogether(t *testing.T) {
	table, files := newTable(t), driver.Mem()
	one, _ := limited(t, table, files, 100)
	require.NoError(t, store(t.Context(), one, "a", 40))
	other, _ := limited(t, table, files, 100)
	require.EqualValues(t, 40, used(other))
	open := begin(t, one, "b", 50)
	require.ErrorIs(t, store(t.Context(), other, "c", 11), driver.ErrQuota)
	require.NoError(t, store(t.Context(), other, "c", 10))
	require.ErrorIs(t, driver.CheckStore(t.Context(), other, "d", driver.StoreOptions{}), driver.ErrQuota)
	for _, err := range []error{other.Remove(t.Context(), "b"), other.Rename(t.Context(), "c", "b"), store(t.Context(), other, "b", 0)} {
		require.ErrorIs(t, err, fs.ErrPermission, "the other uploads this file")
	}
	require.ErrorIs(t, other.Measure(t.Context()), fs.ErrPermission)
	require.NoError(t, open.Close(context.Canceled))
	require.EqualValues(t, 50, used(other))
	require.NoError(t, store(t.Context(), other, "b", 50))
	require.NoError(t, one.Remove(t.Context(), "a"))
	require.EqualValues(t, 60, used(one))
	require.NoError(t, store(t.Context(), one, "b", 10), "replaces the other's")
	require.EqualValues(t, 20, used(other))
	require.NoError(t, other.Measure(t.Context()))
	require.EqualValues(t, 20, used(one))
}

// What a process had reserved is free after its end, and so are its uploads; a table without anybody is empty.
func TestEnd(t *testing.T) {
	table, files := newTable(t), driver.Mem()
	one, _ := limited(t, table, files, 100)
	other, ending := limited(t, table, files, 100)
	begin(t, other, "a", 90)
	require.ErrorIs(t, store(t.Context(), one, "b", 20), driver.ErrQuota)
	ending.Close()
	require.False(t, table.Leave(1))
	require.NoError(t, store(t.Context(), one, "a", 100))
	require.True(t, table.Leave(0))
}

// A change waits for that of another as long as its context lasts.
func TestLockWaits(t *testing.T) {
	table, files := newTable(t), driver.Mem()
	_, one := limited(t, table, files, 100)
	other, _ := limited(t, table, files, 100)
	unlock, err := one.Lock(t.Context(), map[string]bool{".": true, "a": false})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, store(ctx, other, "a", 1), context.DeadlineExceeded)
	require.NoError(t, store(t.Context(), other, "b", 1))
	waiting := make(chan error, 1)
	go func() { waiting <- store(t.Context(), other, "a", 1) }()
	unlock()
	require.NoError(t, <-waiting)
}

// However two that share a quota store, replace, rename and remove the same files at once, what counts is what exists,
// and never more than the quota.
func TestTogetherAtOnce(t *testing.T) {
	const quota = 1000
	table, files := newTable(t), driver.Mem()
	all := make([]*driver.Limited, 2)
	for i := range all {
		all[i], _ = limited(t, table, files, quota)
	}
	names := []string{"a", "b", "c", "d/a", "d/b"}
	require.NoError(t, files.Mkdir(t.Context(), "d"))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			l := all[i%2]
			for range 300 {
				name := names[random.IntN(len(names))]
				switch random.IntN(5) {
				case 0:
					l.Remove(t.Context(), name)
				case 1:
					l.Rename(t.Context(), name, names[random.IntN(len(names))])
				default:
					store(t.Context(), l, name, random.IntN(quota/2))
				}
			}
		})
	}
	wg.Wait()
	counted := used(all[0])
	require.Equal(t, counted, used(all[1]))
	require.LessOrEqual(t, counted, int64(quota))
	require.NoError(t, all[0].Measure(t.Context()))
	require.Equal(t, counted, used(all[0]), "what counts is what is there")
}

// A file that is no table is refused.
func TestNoTable(t *testing.T) {
	table := newTable(t)
	_, f, err := table.Enter()
	require.NoError(t, err)
	_, err = Open(f, mostPlaces)
	require.Error(t, err)
	for range mostPlaces - 1 {
		_, f, err := table.Enter()
		require.NoError(t, err)
		f.Close()
	}
	_, _, err = table.Enter()
	require.ErrorContains(t, err, "too many")
}
