package wire

import (
	"io/fs"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "00": 0, "007": 7, "1": 1, "4294967296": 1 << 32, "9223372036854775807": math.MaxInt64} {
		got, err := ParseSize(in)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, in := range []string{"", " ", "-1", "+1", "1 ", " 1", "1.0", "0x1", "1e3", "1_000", "9223372036854775808", "18446744073709551616", "99999999999999999999999", "１"} {
		_, err := ParseSize(in)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, "%q", in)
		assert.Equal(t, "REST needs a whole number of bytes, 0 or more", syntax.For("REST"))
		assert.Equal(t, "This command needs a whole number of bytes, 0 or more", err.Error())
	}
}

func TestParseALLO(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "100": 100, "100 R 80": 100, "100 r 0": 100} {
		got, err := ParseALLO(in)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, in := range []string{"", "R 80", "100 ", "100 R", "100 R ", "100 R x", "100 R 80 ", "100 X 80", "100  R 80", "-1", "100 R -1"} {
		_, err := ParseALLO(in)
		assert.Error(t, err, "%q", in)
	}
}

func TestParseMode(t *testing.T) {
	for in, want := range map[string]fs.FileMode{"0": 0, "644": 0o644, "0644": 0o644, "00777": 0o777, "7": 7} {
		got, err := ParseMode(in)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, in := range []string{"", "8", "1000", "4755", "7777", "-644", "+644", "u+x", "644 ", "000644", "0o644", "37777777777777777777644"} {
		_, err := ParseMode(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func TestParseType(t *testing.T) {
	for in, want := range map[string]bool{"A": true, "a": true, "A N": true, "a n": true, "I": false, "i": false, "L 8": false, "l 8": false, "L8": false} {
		got, err := ParseType(in)
		require.NoError(t, err, "%q", in)
		assert.Equal(t, want, got, "%q", in)
	}
	for _, in := range []string{"E", "e n", "A T", "A C", "L 7", "L 36"} {
		_, err := ParseType(in)
		assert.ErrorIs(t, err, ErrParameter, "%q", in)
	}
	for _, in := range []string{"", " ", "X", "A ", "A X", "I N", "L", "L x", "L 9999", "AN", "A N N", "A\tN"} {
		_, err := ParseType(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func FuzzNumber(f *testing.F) {
	for _, s := range []string{"0", "9223372036854775807", "9223372036854775808", "0644", "100 R 80", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil {
			require.GreaterOrEqual(t, n, int64(0))
			trimmed := strings.TrimLeft(s[:len(s)-1], "0") + s[len(s)-1:]
			require.Equal(t, trimmed, strconv.FormatInt(n, 10))
			allo, err := ParseALLO(s)
			require.NoError(t, err)
			require.Equal(t, n, allo)
		}
		if n, err := ParseALLO(s); err == nil {
			require.GreaterOrEqual(t, n, int64(0))
		}
		if mode, err := ParseMode(s); err == nil {
			require.Equal(t, mode, mode.Perm())
			again, err := ParseMode(strconv.FormatUint(uint64(mode), 8))
			require.NoError(t, err)
			require.Equal(t, mode, again)
		}
	})
}

func FuzzType(f *testing.F) {
	for _, s := range []string{"A N", "I", "L 8", "L 99", "E"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ascii, err := ParseType(s)
		if err != nil {
			require.False(t, ascii)
			return
		}
		require.Equal(t, ascii, upper(s[:1]) == "A")
	})
}
