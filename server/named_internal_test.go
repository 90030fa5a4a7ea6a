package server

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Hooks are told the path of every command whose syntax has one.
func TestEveryPathIsNamed(t *testing.T) {
	path := regexp.MustCompile(`<(path|file|directory|target|source)>`)
	for verb, row := range commands {
		up := verb == "CDUP" || verb == "XCUP"
		require.Equal(t, row.run != nil && (up || path.MatchString(row.help)), row.names != nil, row.help)
	}
}
