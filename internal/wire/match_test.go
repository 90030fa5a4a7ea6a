package wire

import (
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func match(t testing.TB, pattern, name string) bool {
	t.Helper()
	p, err := ParsePattern(pattern)
	require.NoError(t, err)
	return p.Match(name)
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "", false},
		{"*", "", true},
		{"*", "abc", true},
		{"*", ".hidden", true},
		{"*.txt", "a.txt", true},
		{"*.txt", "a.txt.gz", false},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"a**", "a", true},
		{"?", "ü", true},
		{"?", "", false},
		{"??", "a", false},
		{"?", "\xff", true},
		{"\xff", "\xfe", false},
		{"[\xfd-\xff]", "\xfe", true},
		{"[\xff]", "\xfe", false},
		{"*\xbc", "ü", false},
		{"*??", "漢", false},
		{"*漢", "\xe6漢", true},
		{"[abc]x", "bx", true},
		{"[a-c]", "b", true},
		{"[a-c]", "d", false},
		{"[!a-c]", "d", true},
		{"[^a-c]", "b", false},
		{"[]]", "]", true},
		{"[!]]", "]", false},
		{"[a-]", "-", true},
		{"[-a]", "-", true},
		{"[ä-ü]", "ö", true},
		{"[", "[", false},
		{"[a", "a", false},
		{"[]", "]", false},
		{"a*[", "ab", false},
		{"*[", "", false},
		{`\*`, `\x`, true},
		{`\*`, `*`, false},
		{"*", "a/b", false},
		{"?", "/", false},
		{"[!a]", "/", false},
		{"a/*", "a/b", true},
	} {
		assert.Equal(t, tt.want, match(t, tt.pattern, tt.name), "%q, %q", tt.pattern, tt.name)
	}
	assert.True(t, HasGlob("a*"))
	assert.True(t, HasGlob("a?"))
	assert.True(t, HasGlob("[a"))
	assert.False(t, HasGlob(`a]{b}\`))
}

// words returns every word of up to n letters.
func words(letters string, n int) []string {
	out := []string{""}
	for i := 0; i < len(out) && len(out[i]) < n; i++ {
		for _, c := range letters {
			out = append(out, out[i]+string(c))
		}
	}
	return out
}

func TestMatchAgreesWithPath(t *testing.T) {
	names := words("ab/", 4)
	for _, pattern := range words("ab/*?", 5) {
		for _, name := range names {
			want, _ := path.Match(pattern, name)
			if match(t, pattern, name) != want {
				t.Errorf("%q, %q: want %v", pattern, name, want)
			}
		}
	}
}

// Patterns have a bound. Every element counts in a pattern of the greatest
// length.
func TestLongPattern(t *testing.T) {
	_, err := ParsePattern(strings.Repeat("*", MaxPattern+1))
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	for _, n := range []int{63, 64, 65, 127, 128, 129, 254, 255} {
		for _, pattern := range []string{strings.Repeat("?", n), strings.Repeat("a", n)} {
			assert.True(t, match(t, pattern, strings.Repeat("a", n)), n)
			assert.False(t, match(t, pattern, strings.Repeat("a", n-1)), n)
			assert.False(t, match(t, pattern, strings.Repeat("a", n+1)), n)
		}
	}
}

// Characters beyond ASCII are remembered up to a bound.
func TestPatternRemembersLittle(t *testing.T) {
	p, err := ParsePattern("*[\u4e00-\u9fff]x")
	require.NoError(t, err)
	for r := rune(0x4e00); r < 0x5e00; r++ {
		require.True(t, p.Match(string(r)+"x"))
		require.False(t, p.Match(string(r)))
		require.LessOrEqual(t, len(p.others), maxOthers)
	}
}

// BenchmarkMatch matches one name against the worst of patterns.
func BenchmarkMatch(b *testing.B) {
	name := strings.Repeat("b", 60)
	for _, pattern := range []string{"*.txt", "*[" + strings.Repeat("b", 240) + "]x", strings.Repeat("*b", 100) + "x"} {
		b.Run(pattern[:4], func(b *testing.B) {
			p, err := ParsePattern(pattern)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				p.Match(name)
			}
		})
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("a*b?[c-e]", "axxbzd")
	f.Add("*/*x", "a/b/x")
	f.Add("[]a]*[^-]", "]b")
	f.Add("**?*", "\xff/")
	f.Add("*??", "漢")
	f.Add("*\xbc", "ü")
	f.Add("[\x9d]", "\x90")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, err := ParsePattern(pattern)
		if len(pattern) > MaxPattern {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		got := p.Match(name)
		require.Equal(t, got, p.Match(name), "a second time")
		require.Equal(t, backtracking(pattern, name), got)
		if !HasGlob(pattern) {
			require.Equal(t, pattern == name, got)
		}
		// In path.Match sets are written differently, a backslash quotes, and a
		// star may end inside a rune.
		ascii := strings.IndexFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
		if ascii && !strings.ContainsAny(pattern, `[\`) {
			want, err := path.Match(pattern, name)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	})
}

// backtracking does what Pattern.Match does in a simpler way, which takes time
// in proportion to the product of all lengths.
func backtracking(pattern, name string) bool {
	star, again := -1, 0
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, again = p, n
			continue
		}
		pw, nw, ok := matchOne(pattern[p:], name[n:])
		if ok {
			p += pw
			n += nw
			continue
		}
		if star < 0 || name[again] == '/' {
			return false
		}
		_, w := utf8.DecodeRuneInString(name[again:])
		again += w
		p, n = star, again
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches one character of name, which is not empty, and says how many
// bytes of both it took.
func matchOne(pattern, name string) (pw, nw int, ok bool) {
	if pattern == "" {
		return 0, 0, false
	}
	r, nw := decode(name)
	switch pattern[0] {
	case '?':
		return 1, nw, r != '/'
	case '[':
		pw, ok = matchSet(pattern, r)
		return pw, nw, ok && r != '/'
	}
	_, pw = utf8.DecodeRuneInString(pattern)
	return pw, nw, pattern[:pw] == name[:nw]
}

// matchSet matches r against the set that starts pattern. A bracket right after
// the opening one (or its negation) is a member, as in POSIX, and so is a
// hyphen at either end.
func matchSet(pattern string, r rune) (pw int, ok bool) {
	i := 1
	negated := i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^')
	if negated {
		i++
	}
	for first := i; i < len(pattern); {
		if pattern[i] == ']' && i > first {
			return i + 1, ok != negated
		}
		low, w := decode(pattern[i:])
		high := low
		i += w
		if i+1 < len(pattern) && pattern[i] == '-' && pattern[i+1] != ']' {
			high, w = decode(pattern[i+1:])
			i += 1 + w
		}
		ok = ok || low <= r && r <= high
	}
	return 0, false
}
