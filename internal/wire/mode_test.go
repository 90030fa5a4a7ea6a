package wire

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseModeZ(t *testing.T) {
	for in, want := range map[string]int{
		"": 0, "LEVEL 1": 1, "level 9": 9, "LEVEL 6 ENGINE ZLIB METHOD 8": 6, "ENGINE zlib": 0, "METHOD 8 LEVEL 03": 3,
	} {
		got, err := ParseModeZ(in)
		require.NoError(t, err, "%q", in)
		assert.Equal(t, want, got, "%q", in)
	}
	for _, in := range []string{
		" ", "LEVEL", "LEVEL ", "LEVEL 0", "LEVEL 10", "LEVEL -1", "LEVEL x", "LEVEL  6", "LEVEL 6 ", " LEVEL 6",
		"ENGINE GZIP", "METHOD 7", "6", "LEVEL 18446744073709551617", "BLOCKSIZE 5",
	} {
		_, err := ParseModeZ(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func FuzzModeZ(f *testing.F) {
	for _, s := range []string{"LEVEL 6", "ENGINE ZLIB METHOD 8 LEVEL 1", "LEVEL 10", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		level, err := ParseModeZ(s)
		if err != nil || level == 0 {
			require.Zero(t, level)
			return
		}
		again, err := ParseModeZ("LEVEL " + strconv.Itoa(level))
		require.NoError(t, err)
		require.Equal(t, level, again)
	})
}
