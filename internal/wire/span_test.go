package wire

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRANG(t *testing.T) {
	for in, want := range map[string]Span{
		"0 0":                   {0, 1},
		"0 99":                  {0, 100},
		"5 5":                   {5, 6},
		"1 0":                   Whole,
		"0 9223372036854775806": {0, math.MaxInt64},
	} {
		got, err := ParseRANG(in)
		require.NoError(t, err, "%q", in)
		assert.Equal(t, want, got, "%q", in)
	}
	for _, in := range []string{
		"", " ", "0", "0 ", " 0 1", "0  1", "0 1 ", "0 1 2", "-1 5", "0 -1", "2 1", "2 0", "a b", "0 9223372036854775807",
		"0 9223372036854775808", "0 18446744073709551616", "9223372036854775808 0", "+1 2", "0x1 2", "1.0 2",
	} {
		_, err := ParseRANG(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func TestParsePart(t *testing.T) {
	for in, want := range map[string][]Part{
		`a.txt`:               {{"a.txt", Whole}},
		`a b`:                 {{"a b", Whole}},
		`a 1`:                 {{"a 1", Whole}, {"a", Span{1, -1}}},
		`a 1 2`:               {{"a 1 2", Whole}, {"a 1", Span{2, -1}}, {"a", Span{1, 2}}},
		`a 2 1`:               {{"a 2 1", Whole}, {"a 2", Span{1, -1}}},
		`a b 1`:               {{"a b 1", Whole}, {"a b", Span{1, -1}}},
		`a 1 b`:               {{"a 1 b", Whole}},
		`a -1`:                {{"a -1", Whole}},
		`a 1 2 3`:             {{"a 1 2 3", Whole}, {"a 1 2", Span{3, -1}}, {"a 1", Span{2, 3}}},
		`1 2`:                 {{"1 2", Whole}, {"1", Span{2, -1}}},
		`7`:                   {{"7", Whole}},
		` 7`:                  {{" 7", Whole}},
		`"a b"`:               {{"a b", Whole}},
		`"a ""b"" 1" 2 3`:     {{`a "b" 1`, Span{2, 3}}},
		`"a" 5`:               {{"a", Span{5, -1}}},
		`"a" 5 5`:             {{"a", Span{5, 5}}},
		`"a`:                  {{`"a`, Whole}},
		`"a 9223372036854775`: {{`"a 9223372036854775`, Whole}, {`"a`, Span{9223372036854775, -1}}},
	} {
		got, err := ParsePart(in)
		require.NoError(t, err, "%q", in)
		assert.Equal(t, want, got, "%q", in)
	}
	for _, in := range []string{
		``, `"a" `, `"a"1`, `"a" -1`, `"a" 2 1`, `"a" 1 2 3`, `"a" 1 `, `"a"  1`, `"a" 9223372036854775808`,
		`"a" 0 18446744073709551616`, `"a" x`, `"a"b`,
	} {
		_, err := ParsePart(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func TestParseNames(t *testing.T) {
	for in, want := range map[string][]string{
		`a`:                 {"a"},
		`a b`:               {"a", "b"},
		`"a" "b c" d`:       {"a", "b c", "d"},
		`"a ""b""" c`:       {`a "b"`, "c"},
		`a"b c"d`:           {`a"b`, `c"d`},
		`"/x/y z" "/x/1 2"`: {"/x/y z", "/x/1 2"},
	} {
		got, err := ParseNames(in)
		require.NoError(t, err, "%q", in)
		assert.Equal(t, want, got, "%q", in)
	}
	for _, in := range []string{``, ` `, ` a`, `a `, `a  b`, `"a`, `"a"b`, `""`, `a ""`, `"a" `, `a "b`} {
		_, err := ParseNames(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func FuzzSpan(f *testing.F) {
	for _, s := range []string{"0 99", "1 0", "2 1", `"a b" 1 2`, "a 1 2", `"a""" 7`, `"a" "b c"`, `x "`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if span, err := ParseRANG(s); err == nil && !span.IsWhole() {
			require.Less(t, span.Start, span.End)
			again, err := ParseRANG(strconv.FormatInt(span.Start, 10) + " " + strconv.FormatInt(span.End-1, 10))
			require.NoError(t, err)
			require.Equal(t, span, again)
		}
		if parts, err := ParsePart(s); err == nil {
			for _, p := range parts {
				require.NotEmpty(t, p.Path)
				require.True(t, p.End < 0 || p.Start <= p.End)
				again, err := ParsePart(p.String())
				require.NoError(t, err)
				require.Equal(t, []Part{p}, again)
			}
		}
		if names, err := ParseNames(s); err == nil {
			quoted := make([]string, len(names))
			for i, name := range names {
				require.NotEmpty(t, name)
				quoted[i] = QuotePath(name)
			}
			again, err := ParseNames(strings.Join(quoted, " "))
			require.NoError(t, err)
			require.Equal(t, names, again)
		}
	})
}
