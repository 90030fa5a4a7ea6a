package wire

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseTime(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Time
	}{
		{"20060102150405", time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)},
		{"20060102150405.1", time.Date(2006, 1, 2, 15, 4, 5, 100_000_000, time.UTC)},
		{"20060102150405.1234567899", time.Date(2006, 1, 2, 15, 4, 5, 123_456_789, time.UTC)},
		{"19981231235960", time.Date(1998, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"20240229000000", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)},
		{"10000101000000", time.Date(1000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"99991231235959", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
	} {
		got, err := ParseTime(tt.in)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got)
	}
	for _, in := range []string{
		"", "2006010215040", "200601021504050", "200601021504", "20060102150405.", "20060102150405.x", "20060102150405,1", "20060102150405.1.2",
		"00000101000000", "09991231235959", "20060002150405", "20061302150405", "20060100150405", "20060132150405", "20230229000000", "20060102240405", "20060102156005", "20060102150461",
		" 20060102150405", "2006-01-02 15:04:05", "+2006010215040", "2006010215040５", "20060102150405Z",
	} {
		_, err := ParseTime(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func TestFormatTime(t *testing.T) {
	for _, tt := range []struct {
		in   time.Time
		want string
	}{
		{time.Date(2006, 1, 2, 15, 4, 5, 999, time.FixedZone("", -7*3600)), "20060102220405"},
		{time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC), "99991231235959"},
		{time.Date(999, 12, 31, 23, 59, 59, 0, time.UTC), "10000101000000"},
		{time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC), "10000101000000"},
	} {
		assert.Equal(t, tt.want, FormatTime(tt.in))
	}
}

func TestParseUTime(t *testing.T) {
	at := func(s string) time.Time {
		if s == "" {
			return time.Time{}
		}
		at, err := ParseTime(s)
		require.NoError(t, err)
		return at
	}
	for _, tt := range []struct{ in, modify, access, create, path string }{
		{"20060102150405 a b", "20060102150405", "", "", "a b"},
		{"200601021504 a", "20060102150400", "", "", "a"},
		{"200601021504  a ", "20060102150400", "", "", " a "},
		{"a b 20060102150405 20070102150405 20080102150405 UTC", "20070102150405", "20060102150405", "20080102150405", "a b"},
		{"a 200601021504 200701021504 200801021504 utc", "20070102150400", "20060102150400", "20080102150400", "a"},
		{"20050102150405 20060102150405 20070102150405 20080102150405 UTC", "20070102150405", "20060102150405", "20080102150405", "20050102150405"},
		{"20060102150405 20070102150405 20080102150405 UTC", "20060102150405", "", "", "20070102150405 20080102150405 UTC"},
	} {
		modify, access, create, path, err := ParseUTime(tt.in)
		require.NoError(t, err)
		assert.Equal(t, at(tt.modify), modify, tt.in)
		assert.Equal(t, at(tt.access), access, tt.in)
		assert.Equal(t, at(tt.create), create, tt.in)
		assert.Equal(t, tt.path, path)
	}
	for _, in := range []string{"", "a", "20060102150405", "20060102150405 ", "2006010215040 a", "20061302150405 a", "a 20060102150405 20070102150405 20080102150405", " 20060102150405 a"} {
		_, _, _, _, err := ParseUTime(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"20060102150405", "20060102150405.123", "19981231235960", "20230229000000", "00000101000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseTime(s)
		if err != nil {
			require.Zero(t, got)
			return
		}
		if s[12:14] == "60" {
			s = s[:12] + "59"
		}
		require.Equal(t, s[:14], FormatTime(got))
		again, err := ParseTime(FormatTime(got))
		require.NoError(t, err)
		require.Equal(t, got.Truncate(time.Second), again)
	})
}

func FuzzUTime(f *testing.F) {
	f.Add("20060102150405 a b")
	f.Add("a 200601021504 20070102150460 200801021504 utc")
	f.Add("20050102150405 20060102150405 20070102150405 20080102150405 UTC")
	f.Fuzz(func(t *testing.T, arg string) {
		modify, access, create, path, err := ParseUTime(arg)
		if err != nil {
			require.Empty(t, path)
			return
		}
		require.NotEmpty(t, path)
		printed := FormatTime(modify) + " " + path
		if upper(arg[max(0, len(arg)-4):]) == " UTC" && len(arg) >= len(path) && arg[:len(path)] == path {
			printed = path + " " + FormatTime(access) + " " + FormatTime(modify) + " " + FormatTime(create) + " UTC"
		}
		modify2, access2, create2, path2, err := ParseUTime(printed)
		require.NoError(t, err)
		require.Equal(t, modify, modify2)
		require.Equal(t, access, access2)
		require.Equal(t, create, create2)
		require.Equal(t, path, path2)
	})
}
