package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const subject = `// Package p is mutated.
package p

const limit = 2 + 1

// Over reports whether a and b are each more than the limit.
func Over(a, b int) bool {
	return a > limit && b > limit // a comment of its own
}

func Count(words []string) (n int) {
	for i := 0; i < len(words); i++ {
		switch {
		case words[i] == "":
			continue
		}
		n++
	}
	return n
}

func Join(a, b string) string { return a + b }
`

const subjectTest = `package p

import "testing"

func TestOver(t *testing.T) {
	if !Over(4, 5) || Over(3, 4) || Over(4, 2) {
		t.Fatal("over")
	}
}

func TestCount(t *testing.T) {
	if n := Count([]string{"one", "", "two"}); n != 2 {
		t.Fatal(n)
	}
}

func TestJoin(t *testing.T) { t.Log(Join("a", "b")) }
`

// The tests of the subject never ask about b at the limit: of all mutants, only the one
// that differs there lives. Strings are not subtracted, and a loop that goes backwards
// ends by a panic.
func TestMutate(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the subject several times")
	}
	r := runner{dir: write(t, subjectTest), files: []string{"p.go"}, tmp: t.TempDir(), only: regexp.MustCompile(""), workers: 2}
	var out bytes.Buffer
	r.out = &out
	sum, err := r.run()
	require.NoError(t, err)
	assert.Equal(t, "p.go:8:24: > to >=\treturn a > limit && b > limit // a comment of its own\n", out.String())
	assert.Equal(t, 1, sum[notViable])
	assert.Equal(t, "killed 9, lived 1, timed out 0, not viable 1: efficacy 90.0 %", sum.String())
}

// Tests that fail by themselves tell nothing about mutants.
func TestMutateNeedsTestsThatPass(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the subject")
	}
	failing := strings.Replace(subjectTest, "n != 2", "n != 3", 1)
	r := runner{dir: write(t, failing), files: []string{"p.go"}, tmp: t.TempDir(), only: regexp.MustCompile(""), workers: 1, out: io.Discard}
	_, err := r.run()
	assert.ErrorContains(t, err, "without a mutant")
	r.tests = "TestOver" // the one that fails is not among those
	_, err = r.run()
	assert.NoError(t, err)
}

// Each operator outside of constants has its mutants.
func TestInstrument(t *testing.T) {
	var all []mutant
	_, err := instrument("p.go", subject, &all)
	require.NoError(t, err)
	var found []string
	for i, m := range all {
		assert.Equal(t, i+1, m.number)
		found = append(found, fmt.Sprintf("%d %v %v", m.at.Line, m.from, m.to))
	}
	slices.Sort(found)
	assert.Equal(t, []string{
		"12 ++ --", "12 < <=", "12 < >=", "14 == !=", "17 ++ --", "22 + -",
		"8 && ||", "8 > <=", "8 > <=", "8 > >=", "8 > >=",
	}, found)
}

func TestInstrumentNeedsGo(t *testing.T) {
	_, err := instrument("p.go", "packag p", new([]mutant))
	assert.Error(t, err)
}

// write writes the subject and its tests as a module and returns the directory.
func write(t *testing.T, tests string) string {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module p\n\ngo 1.24\n", "p.go": subject, "p_test.go": tests} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	t.Setenv("GOWORK", "off")
	return dir
}
