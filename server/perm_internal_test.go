package server

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// If the files have no rules, the rights of a session take no memory for each line
// of a listing, however long the paths are. Otherwise thousands of listings that
// stall would leave as many lines' garbage.
func TestRightsWithoutRulesTakeNoMemory(t *testing.T) {
	files := driver.Mem()
	require.NoError(t, files.Mkdir(t.Context(), "entry"))
	entry, err := files.Stat(t.Context(), "entry")
	require.NoError(t, err)
	allocs := func(files driver.FS, rights bool) float64 {
		s := &session{srv: &Server{}}
		s.files = files
		l := &listing{session: s, dir: strings.Repeat("d", 200)}
		if rights {
			l.rights = s.rights()
		}
		l.show(func(dst []byte, e *wire.Entry) []byte { return wire.AppendMLSx(dst, e, "", e.Name, wire.FactPerm) })
		line := make([]byte, 1024)
		return testing.AllocsPerRun(100, func() { line = l.line(t.Context(), line[:0], entry) })
	}
	for _, files := range []driver.FS{files, driver.Inspect(files, nil)} {
		require.Equal(t, allocs(files, false), allocs(files, true), "%T", files)
	}
	ruled := driver.Restrict(files, func(context.Context, driver.Op, string) error { return nil })
	require.Greater(t, allocs(ruled, true), allocs(ruled, false), "rules are asked about paths")
}
