package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFacts(t *testing.T) {
	for _, tt := range []struct {
		opts string
		want Facts
		text string
	}{
		{"", 0, ""},
		{"type;size;", FactType | FactSize, "type;size;"},
		{"SIZE;Type", FactType | FactSize, "type;size;"},
		{"modify;unix.MODE;", FactModify | FactUnixMode, "modify;UNIX.mode;"},
		{"create;media-type;;perm;", FactPerm, "perm;"},
		{" type;", 0, ""},
		{"ſize;", 0, ""},
		{AllFacts.String(), AllFacts, "type;size;modify;perm;unique;UNIX.mode;UNIX.owner;UNIX.group;"},
	} {
		got := ParseFacts(tt.opts)
		assert.Equal(t, tt.want, got, "%q", tt.opts)
		assert.Equal(t, tt.text, got.String())
	}
	assert.Equal(t, "type*;size;modify*;perm;unique;UNIX.mode;UNIX.owner;UNIX.group;", (FactType | FactModify).Feat())
	assert.Equal(t, "type*;size*;modify*;perm*;unique*;UNIX.mode*;UNIX.owner*;UNIX.group*;", AllFacts.Feat())
	assert.Equal(t, AllFacts.Feat(), Facts(1<<32-1).Feat())
}

func TestParseMFF(t *testing.T) {
	for _, tt := range []struct {
		arg   string
		facts []Fact
		path  string
	}{
		{"Modify=20021231235959;UNIX.mode=0644; name", []Fact{{"Modify", "20021231235959"}, {"UNIX.mode", "0644"}}, "name"},
		{"a=b=c;d=; n;x=y; z ", []Fact{{"a", "b=c"}, {"d", ""}}, "n;x=y; z "},
		{"a=b;  x", []Fact{{"a", "b"}}, " x"},
		{"Modify=20021231235959;Create=20021231235959 name", []Fact{{"Modify", "20021231235959"}, {"Create", "20021231235959"}}, "name"}, // ncftp
	} {
		facts, path, err := ParseMFF(tt.arg)
		require.NoError(t, err)
		assert.Equal(t, tt.facts, facts)
		assert.Equal(t, tt.path, path)
	}
	for _, arg := range []string{"", " ", " name", "name", "; name", "a=b; ", "a=b;", "a=b;c name", "a=b;;c=d; n", "=b; n", "a; n", "a=\x01; n", "\xff=b; n"} {
		_, _, err := ParseMFF(arg)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", arg)
	}
}

func FuzzFacts(f *testing.F) {
	f.Add("type;size;")
	f.Add("Unix.Mode;;x")
	f.Fuzz(func(t *testing.T, opts string) {
		facts := ParseFacts(opts)
		require.Equal(t, facts, ParseFacts(facts.String()))
		require.Equal(t, facts, ParseFacts(strings.ToLower(facts.String())))
		require.Zero(t, facts&^AllFacts)
		require.Equal(t, strings.Count(facts.String(), ";"), strings.Count(facts.Feat(), "*"))
	})
}

func FuzzMFF(f *testing.F) {
	f.Add("Modify=20021231235959;UNIX.mode=0644; name")
	f.Add("a==;b=; ;x")
	f.Add("a=b;c=d x")
	f.Fuzz(func(t *testing.T, arg string) {
		facts, path, err := ParseMFF(arg)
		if err != nil {
			require.Nil(t, facts)
			require.Empty(t, path)
			return
		}
		var b strings.Builder
		for _, fact := range facts {
			b.WriteString(fact.Name + "=" + fact.Value + ";")
		}
		printed := b.String() + " " + path
		if arg != printed {
			require.Equal(t, arg, strings.TrimSuffix(b.String(), ";")+" "+path)
		}
	})
}
