package server

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A command whose syntax has a path tells hooks which.
func TestEveryPathIsNamed(t *testing.T) {
	path := regexp.MustCompile(`<(path|file|directory|target|source)>`)
	for verb, row := range commands {
		up := verb == "CDUP" || verb == "XCUP"
		require.Equal(t, row.run != nil && (up || path.MatchString(row.help)), row.names != nil, row.help)
	}
}
