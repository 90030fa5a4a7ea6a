package driver_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// WriteTo hands over chunks as they are, from wherever the reader stands, and
// returns how many bytes were taken.
func TestMemWriteTo(t *testing.T) {
	m := driver.Mem()
	content := strings.Repeat("0123456789", 20_000) + "end"
	write(t, m, "a", content)
	for _, at := range []int64{0, 1, 64 << 10, 100_001, int64(len(content))} {
		r, err := m.Open(t.Context(), "a", at)
		require.NoError(t, err)
		var b bytes.Buffer
		n, err := r.(io.WriterTo).WriteTo(&b)
		require.NoError(t, err)
		require.True(t, b.String() == content[at:], "from %d", at)
		require.EqualValues(t, b.Len(), n)
		require.NoError(t, r.Close())
	}
	r, err := m.Open(t.Context(), "a", 0)
	require.NoError(t, err)
	full := errors.New("full")
	n, err := r.(io.WriterTo).WriteTo(&shortWriter{full})
	assert.ErrorIs(t, err, full)
	assert.EqualValues(t, 10, n)
	seeker := r.(io.Seeker)
	at, err := seeker.Seek(0, io.SeekCurrent)
	require.NoError(t, err)
	assert.EqualValues(t, 10, at, "behind what was taken")
	_, err = seeker.Seek(-1, io.SeekStart)
	assert.ErrorIs(t, err, fs.ErrInvalid)
	at, err = seeker.Seek(0, io.SeekStart)
	require.NoError(t, err)
	assert.Zero(t, at)
}

// shortWriter takes ten bytes of what it is given.
type shortWriter struct{ err error }

func (w *shortWriter) Write([]byte) (int, error) { return 10, w.err }

// A file keeps its ID, which no other file has.
func TestMemIDs(t *testing.T) {
	m := driver.Mem()
	id := func(name string) string {
		fi, err := m.Stat(t.Context(), name)
		require.NoError(t, err)
		return fi.(driver.FileID).ID()
	}
	write(t, m, "a", "1")
	write(t, m, "b", "1")
	first := id("a")
	assert.NotEmpty(t, first)
	assert.NotEqual(t, first, id("b"))
	require.NoError(t, m.Rename(t.Context(), "a", "c"))
	assert.Equal(t, first, id("c"))
}

func TestMemTakesNoNUL(t *testing.T) {
	for _, name := range []string{"\x00", "\x00a", "a\x00"} {
		_, err := driver.Mem().Stat(t.Context(), name)
		assert.ErrorIs(t, err, driver.ErrName, "%q", name)
	}
}
