package ftpstest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/ftpstest"
)

func TestFaultText(t *testing.T) {
	for text, want := range map[string]ftpstest.Fault{
		"reuse":                                {Kind: ftpstest.Reuse},
		"cut:to=RETR,nth=2,after=1000,how=rst": {Kind: ftpstest.Cut, To: "RETR", Nth: 2, After: 1000, How: "rst"},
		"stall:for=1m30s":                      {Kind: ftpstest.Stall, For: 90 * time.Second},
		`reply:to=STOR+APPE,code=452,text="No space, sorry.\nBuy some.",done=yes`: {Kind: ftpstest.Reply, To: "STOR+APPE",
			Code: 452, Text: "No space, sorry.\nBuy some.", Done: true},
		"announce:addr=[2001:db8::1]:80": {Kind: ftpstest.Announce, Addr: "[2001:db8::1]:80"},
		"announce:addr=:1":               {Kind: ftpstest.Announce, Addr: ":1"},
	} {
		got, err := ftpstest.ParseFault(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	for text, same := range map[string]string{
		"slow:rate=64k":             "slow:rate=65536",
		" cut : after = 1 , nth=2 ": "cut:nth=2,after=1",
		`reply:to=x,text="plain"`:   "reply:to=x,text=plain",
		"cut:after=0":               "cut",
		"reply:to=NOOP,done=no":     "reply:to=NOOP",
	} {
		got, err := ftpstest.ParseFault(text)
		require.NoError(t, err, text)
		require.Equal(t, same, got.String())
	}
}

func TestFaultErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "unknown fault",
		"cuts":                   "there are cut, no-notify, stall",
		"cut:":                   "want name=value",
		"cut:after":              "want name=value",
		"cut:rate=1":             `no "rate"; it takes to, nth, after, how, code, text`,
		"cut:after=x":            "want a number",
		"cut:after=-1":           "want at least 0",
		"cut:after=99999999999G": "want a number",
		"cut:nth=0":              "want at least 1",
		"cut:how=slowly":         "want fin, rst, clean",
		"cut:to=NOOP":            "want transfer",
		"cut:to=RETR+":           "want verbs",
		"full:to=RETR":           "want upload",
		"reply":                  "want verbs",
		"reply:to=NOOP,code=150": "final reply",
		"reply:to=A,text=\"x":    "a double quote is missing",
		"reply:to=A,text=\"x\"y": "follows the closing quote",
		"reply:to=A,done=maybe":  "want yes or no",
		"stall:for=5":            "want a duration",
		"stall:for=-5s":          "want at least",
		"announce:addr=host":     "IP address",
		"certificate:to=RETR":    "want control, data or both",
	} {
		_, err := ftpstest.ParseFault(text)
		require.ErrorContains(t, err, want, text)
	}
	require.Error(t, ftpstest.Fault{Kind: ftpstest.Cut, Nth: -1}.Validate())
	require.Error(t, ftpstest.Fault{Kind: ftpstest.Reuse, Rate: 1}.Validate())
}

// Help texts are made of the table, which must be right.
func TestKinds(t *testing.T) {
	for _, kind := range ftpstest.Kinds() {
		f, err := ftpstest.ParseFault(kind.Example)
		require.NoError(t, err, kind.Example)
		require.Equal(t, kind.Kind, f.Kind)
		for _, text := range []string{kind.Does, kind.Catches} {
			require.True(t, strings.HasSuffix(text, "."), text)
		}
		for _, p := range kind.Params {
			require.NotEmpty(t, p.Means)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, kind := range ftpstest.Kinds() {
		f.Add(kind.Example)
	}
	f.Add(`reply:to=A,text="a,b\n\x00"`)
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ftpstest.ParseFault(text)
		if err != nil {
			return
		}
		again, err := ftpstest.ParseFault(fault.String())
		require.NoError(t, err, fault.String())
		require.Equal(t, fault, again)
	})
}
