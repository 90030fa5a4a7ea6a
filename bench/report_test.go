package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sampleReport returns a report with made-up numbers of every kind.
func sampleReport(t *testing.T) *report {
	t.Helper()
	rep, err := readReport(filepath.Join("testdata", "results.json"))
	require.NoError(t, err)
	return rep
}

func TestReport(t *testing.T) {
	for name, form := range map[string]form{"report.txt": text, "report.md": markdown} {
		var out strings.Builder
		rep := sampleReport(t)
		require.NoError(t, rep.print(&out, form))
		golden(t, name, out.String())
	}
}

func TestReportIsReadAsItWasWritten(t *testing.T) {
	rep := sampleReport(t)
	file := filepath.Join(t.TempDir(), "again.json")
	require.NoError(t, rep.write(file))
	again, err := readReport(file)
	require.NoError(t, err)
	require.Equal(t, rep, again)
}

func TestReplaceLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, replace(file, []byte("one")))
	require.NoError(t, replace(file, []byte("two")))
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "two", string(content))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestSpread(t *testing.T) {
	of := func(values ...float64) spread {
		var r row
		for _, v := range values {
			r.Samples = append(r.Samples, sample{cpu: v, rate: 7})
		}
		return r.of(cpu)
	}
	require.Equal(t, spread{}, of())
	require.Equal(t, spread{4, 4, 4}, of(4))
	require.Equal(t, spread{2, 1, 9}, of(9, 1, 2))
	require.Equal(t, spread{2.5, 1, 9}, of(9, 1, 2, 3))
}

func TestNumbers(t *testing.T) {
	for want, v := range map[string]float64{
		"0.00": -0.001, "0.12": 0.123, "1.23": 1.234, "12.3": 12.34, "123": 123.4, "1234": 1234.4, "-12.3": -12.34,
	} {
		require.Equal(t, want, number(v))
	}
	for want, v := range map[string]float64{"0": 0, "999": 999, "4,000": 4000, "1,000,000": 1e6, "-1,234": -1234} {
		require.Equal(t, want, count(v))
	}
}

func TestUnits(t *testing.T) {
	require.Equal(t, "14.6 KiB", inBytes(14950))
	require.Equal(t, "512 KiB", inBytes(1<<19))
	require.Equal(t, "-2.00 MiB", inBytes(-2<<20))
	require.Equal(t, "0.00 KiB", inBytes(0))
	require.Equal(t, "4.00 ms", inTime(0.004))
	require.Equal(t, "61.0 s", inTime(61))
}

func TestScales(t *testing.T) {
	of := func(values ...float64) string {
		var rows []row
		for _, v := range values {
			rows = append(rows, row{Samples: []sample{{cpu: v}}})
		}
		return scaleOf(rows).suffix
	}
	require.Equal(t, "s", of())
	require.Equal(t, "s", of(0.4, 70))
	require.Equal(t, "ms", of(0, 0.04, 70))
	require.Equal(t, "µs", of(0.00004, 0.00001))
	require.Equal(t, "µs", of(0.00000001))
}
