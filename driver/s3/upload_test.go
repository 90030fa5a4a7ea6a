package s3

import (
	"bytes"
	"context"
	"io/fs"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func TestParts(t *testing.T) {
	f := newFS(t)
	for _, size := range []int{minPartSize - 1, minPartSize, minPartSize + 1, 2 * minPartSize, 4*minPartSize + 12345} {
		data := noise(size)
		require.NoError(t, f.store(t.Context(), "a", data, driver.StoreOptions{}))
		fi, err := f.Stat(t.Context(), "a")
		require.NoError(t, err)
		require.EqualValues(t, size, fi.Size())
		for _, at := range []int{0, size / 2, size - 1, size} {
			require.True(t, bytes.Equal(data[at:], f.read(t, "a", int64(at))), "%d bytes from %d", size, at)
		}
	}
	require.Equal(t, []string{"a"}, f.keys(t))
	require.Zero(t, f.unfinished(t))
}

// Nothing is left of an upload that was cut, even when the client has gone.
func TestCutParts(t *testing.T) {
	f := newFS(t)
	for _, gone := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		u, err := f.Store(ctx, "a", driver.StoreOptions{})
		require.NoError(t, err)
		_, err = u.Write(noise(3 * minPartSize))
		require.NoError(t, err)
		require.Equal(t, 1, f.unfinished(t))
		if gone {
			cancel()
			require.ErrorIs(t, u.Commit(), context.Canceled)
		}
		require.NoError(t, u.Close(errCut))
		cancel()
		require.Empty(t, f.keys(t))
		require.Zero(t, f.unfinished(t))
	}
}

// A name may be taken while an upload with Exclusive goes on.
func TestExclusiveTaken(t *testing.T) {
	f := newFS(t)
	for _, size := range []int{10, 2*minPartSize + 10} {
		u, err := f.Store(t.Context(), "a", driver.StoreOptions{Exclusive: true})
		require.NoError(t, err)
		_, err = u.Write(noise(size))
		require.NoError(t, err)
		require.NoError(t, f.store(t.Context(), "a", []byte("first"), driver.StoreOptions{}))
		require.ErrorIs(t, u.Commit(), fs.ErrExist)
		require.NoError(t, u.Close(errCut))
		require.Equal(t, "first", string(f.read(t, "a", 0)))
		require.Zero(t, f.unfinished(t))
		require.NoError(t, f.Remove(t.Context(), "a"))
	}
}

// A name may also be taken while an upload with Append goes on, which would
// replace the file to which it can't add.
func TestAppendTaken(t *testing.T) {
	f := newFS(t)
	for _, size := range []int{10, 2*minPartSize + 10} {
		u, err := f.Store(t.Context(), "a", driver.StoreOptions{Append: true})
		require.NoError(t, err)
		_, err = u.Write(noise(size))
		require.NoError(t, err)
		require.NoError(t, f.store(t.Context(), "a", []byte("first"), driver.StoreOptions{Append: true}))
		require.ErrorIs(t, u.Commit(), driver.ErrChanged)
		require.NoError(t, u.Close(errCut))
		require.Equal(t, "first", string(f.read(t, "a", 0)))
		require.NoError(t, f.Remove(t.Context(), "a"))
	}
}

func TestTooLarge(t *testing.T) {
	f := newFS(t)
	_, err := f.Store(t.Context(), "a", driver.StoreOptions{Size: maxParts*minPartSize + 1})
	require.ErrorIs(t, err, driver.ErrQuota)
	var own *driver.Error
	require.ErrorAs(t, err, &own)
	require.Equal(t, &driver.Error{Code: 552, Text: "A file may have 52428800000 bytes here, and this one has more.", Err: driver.ErrQuota}, own)

	u, err := f.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	u.(*upload).parts = make([]minio.CompletePart, maxParts)
	_, err = u.Write(noise(minPartSize))
	require.NoError(t, err)
	_, err = u.Write([]byte{1})
	require.ErrorIs(t, err, driver.ErrQuota)
	require.ErrorIs(t, u.Commit(), driver.ErrQuota)
	require.NoError(t, u.Close(err))
	require.Empty(t, f.keys(t))
}

// Without a PartSize, parts grow with the file, or are large enough from the start
// if it was announced: 10,000 of them are never too few.
func TestPartsGrow(t *testing.T) {
	f := &FS{}
	var sum int64
	for n := range maxParts {
		sum += f.partSizeAt(f.partSize(0), n)
	}
	require.GreaterOrEqual(t, sum, int64(5<<40))
	for _, announced := range []int64{1, 78 << 30, 79 << 30, 5 << 40, maxParts * maxPartSize} {
		size := f.partSize(announced)
		require.GreaterOrEqual(t, size*maxParts, announced)
		require.LessOrEqual(t, size, int64(maxPartSize))
	}
	require.EqualValues(t, defaultPartSize, f.partSizeAt(f.partSize(0), partsBeforeGrowth-1))

	g := newFS(t)
	g.PartSize = 0
	u, err := g.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	u.(*upload).parts = make([]minio.CompletePart, partsBeforeGrowth)
	_, err = u.Write(make([]byte, 2*defaultPartSize))
	require.NoError(t, err)
	require.Len(t, u.(*upload).parts, partsBeforeGrowth, "the part is still being filled")
	require.NoError(t, u.Close(errCut))
}

// Small files take little memory, and large ones two parts.
func TestMemory(t *testing.T) {
	f := newFS(t)
	u, err := f.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	up := u.(*upload)
	for _, c := range []struct{ write, most int }{{100, 100}, {50, 200}, {1 << 20, 1<<20 + 150}, {10 * minPartSize, minPartSize}} {
		_, err = u.Write(noise(c.write))
		require.NoError(t, err)
		require.LessOrEqual(t, cap(up.part), c.most)
	}
	require.LessOrEqual(t, cap(up.spare), minPartSize)
	require.NoError(t, u.Close(errCut))
}
