package passive

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRange(t *testing.T) {
	for in, want := range map[string]string{
		"21000-21010":                        "21000-21010",
		"21000":                              "21000",
		"21000-21000":                        "21000",
		"21000,21002-21005":                  "21000,21002-21005",
		"21002-21005,21000":                  "21000,21002-21005",
		"21000-21010,!21005":                 "21000-21004,21006-21010",
		"!21005,21000-21010":                 "21000-21004,21006-21010",
		"21000-21010,!21003-21008":           "21000-21002,21009-21010",
		"21000-21005,21003-21010":            "21000-21010",
		"21000-21004,21005-21010":            "21000-21010",
		"21000,21000":                        "21000",
		" 21000 - 21010 , ! 21005\t":         "21000-21004,21006-21010",
		"1-65535":                            "1-65535",
		"65535":                              "65535",
		"021000":                             "21000",
		"any":                                "any",
		"1-65535,!2-65534":                   "1,65535",
		"21000-21010,!21008-30000":           "21000-21007",
		"21000,21001,21002,21004,!990-21000": "21001-21002,21004",
	} {
		p, err := Range(in)
		require.NoError(t, err, in)
		require.Equal(t, want, p.String(), in)
	}
}

func TestRangeErrors(t *testing.T) {
	for in, want := range map[string][]string{
		"":                         {`empty`, `21000-21010`},
		" \t":                      {`empty`},
		"21010-21000":              {`"21010-21000": reversed; write 21000-21010`},
		"0":                        {`"0": want a port from 1 to 65535`},
		"0-10":                     {`"0-10": want a port`},
		"65536":                    {`"65536": want`},
		"21000-99999999999999":     {`"21000-99999999999999": want`},
		"21000,,21001":             {`nothing between two commas`},
		"21000,":                   {`nothing between two commas`},
		"-":                        {`"-": want`},
		"21000-":                   {`"21000-": want`},
		"-21000":                   {`"-21000": want`},
		"+21000":                   {`"+21000": want`},
		"21000--21010":             {`"21000--21010": want`},
		"1-2-3":                    {`"1-2-3": want`},
		"21000:21010":              {`"21000:21010": write 21000-21010`},
		"21000..21010":             {`"21000..21010": write 21000-21010`},
		"21000–21010":              {`write 21000-21010`},
		"21000 21001":              {`"21000 21001": want`},
		"0x5208":                   {`"0x5208": want`},
		"!21005":                   {`"!21005": excludes nothing`},
		"21000,!21000":             {`nothing is left`},
		"21000-21010,!22000":       {`"!22000": excludes nothing`},
		"21000,!":                  {`nothing between`},
		"x,21000,21010-21000,!y,0": {`"x": want`, `"21010-21000": reversed`, `"y": want`, `"0": want`},
	} {
		p, err := Range(in)
		require.Nil(t, p, in)
		require.Error(t, err, in)
		for _, part := range want {
			require.ErrorContains(t, err, part, in)
		}
	}
}

// All mistakes are reported in one go, a line for each.
func TestRangeErrorsAreJoined(t *testing.T) {
	_, err := Range("x,21000,21010-21000,!y")
	require.Len(t, strings.Split(err.Error(), "\n"), 3)
}

func TestNumbers(t *testing.T) {
	p := ports(t, "21000-21002,65534-65535")
	require.Equal(t, []uint16{21000, 21001, 21002, 65534, 65535}, slices.Collect(p.Numbers()))
	require.Equal(t, 5, p.Len())
	for i, n := range slices.Collect(p.Numbers()) {
		require.Equal(t, n, p.set.at(i))
	}
	require.Empty(t, slices.Collect(Any().Numbers()))
	require.Zero(t, Any().Len())
	for range p.Numbers() {
		break
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		p    *Ports
		want string
	}{
		{&Ports{}, ""},
		{&Ports{set: portSet{{21000, 21010}}, Offset: 10000}, ""},
		{&Ports{set: portSet{{21000, 21010}}, Offset: -20999}, ""},
		{&Ports{set: portSet{{21000, 21010}}, Offset: -21000}, "into 0 to 10"},
		{&Ports{set: portSet{{21000, 21010}}, Offset: 44526}, "into 65526 to 65536"},
		{&Ports{Offset: 1}, "the system chooses"},
		{&Ports{TTL: -1}, "TTL"},
		{&Ports{Announce: Address("bogus name!")}, `cannot announce "bogus name!"`},
		{&Ports{Announce: Rules{{Announce: Address("0.0.0.0")}}}, "every address of a host"},
		{&Ports{Announce: AnnounceFunc(nil)}, ""},
	} {
		err := c.p.Validate()
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.want)
	}
	err := (&Ports{TTL: -1, Offset: 1, Announce: Address("::")}).Validate()
	require.Len(t, strings.Split(err.Error(), "\n"), 3)
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"21000-21010", "21000-21010,!21005", " 1 , 65535", "any", "!1", "3-2", "1:2", "21000,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		p, err := Range(text)
		if err != nil {
			require.Nil(t, p)
			return
		}
		again, err := Range(p.String())
		require.NoError(t, err)
		require.Equal(t, p.set, again.set)
		require.Equal(t, p.String(), again.String())
		require.Equal(t, p.String() == "any", p.Len() == 0)
		last, n := 0, 0
		for port := range p.Numbers() {
			require.Greater(t, int(port), last)
			last = int(port)
			n++
		}
		require.Equal(t, p.Len(), n)
	})
}
