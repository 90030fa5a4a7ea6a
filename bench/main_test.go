package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// TestMain runs the tests, or the process that the program starts by
// executing itself.
func TestMain(m *testing.M) {
	if !part() {
		testenv.Main(m)
	}
}

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file in testdata. Run go test ./bench -update
// if a difference is intended.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
}
