package server

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// A command with several names that is switched off by the first can't be reached
// by another one.
func TestAliasesAreComplete(t *testing.T) {
	sum := pointer(commands[sums[0].verb]) // one function makes the handlers of all checksums
	for verb, row := range commands {
		for other, same := range commands {
			if p := pointer(row); p == pointer(same) && p != 0 && p != sum && verb != other {
				require.True(t, slices.Contains(aliases[verb], other) || slices.Contains(aliases[other], verb), "%s and %s", verb, other)
			}
		}
		for _, alias := range aliases[verb] {
			require.True(t, isCommand(alias), alias)
		}
	}
	off, err := disable([]string{"rmd", "Site  chgrp"})
	require.NoError(t, err)
	require.Equal(t, disabled{"RMD": true, "XRMD": true, "SITE RMDIR": true, "SITE CHGRP": true}, off)
}

func pointer(row *command) uintptr { return reflect.ValueOf(row.run).Pointer() }

// Switching off a family switches off its members, so that FEAT names none of them.
func TestFamilyGoesTogether(t *testing.T) {
	off, err := disable([]string{"site"})
	require.NoError(t, err)
	members := 0
	for verb, row := range commands {
		if row.isMember() {
			members++
			require.True(t, off[verb], verb)
		}
	}
	require.Positive(t, members)
	require.False(t, off["MKD"])
}
