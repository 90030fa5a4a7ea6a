package wire

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParsePort(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"192,0,2,1,82,8", "192.0.2.1:21000"},
		{"0,0,0,0,0,1", "0.0.0.0:1"},
		{"255,255,255,255,255,255", "255.255.255.255:65535"},
	} {
		got, err := ParsePort(tt.in)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got.String())
		assert.Equal(t, tt.in, FormatPort(got))
	}
	for _, in := range []string{
		"", "1,2,3,4,5", "1,2,3,4,5,6,7", "1,2,3,4,5,", ",1,2,3,4,5", "1,2,3,4,5,6,", "256,0,0,1,1,1", "1,2,3,4,5,256",
		" 1,2,3,4,5,6", "1,2,3,4,5,6 ", "1, 2,3,4,5,6", "+1,2,3,4,5,6", "-1,2,3,4,5,6", "1,2,3,4,5,0x6", "01,2,3,4,5,6",
		"1.2.3.4.5.6", "1,2,3,4,0,0", "1,,3,4,5,6", "99999999999999999999,2,3,4,5,6", "１,2,3,4,5,6",
	} {
		_, err := ParsePort(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func TestFormatPort(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"[::ffff:192.0.2.1]:21000", "192,0,2,1,82,8"},
		{"[2001:db8::1]:21000", ""},
	} {
		assert.Equal(t, tt.want, FormatPort(netip.MustParseAddrPort(tt.in)))
	}
	assert.Empty(t, FormatPort(netip.AddrPort{}))
}

// formatEPRT writes the argument that [ParseEPRT] reads, to see that nothing is lost.
func formatEPRT(ap netip.AddrPort) string {
	family := 2
	if ap.Addr().Is4() {
		family = 1
	}
	return fmt.Sprintf("|%d|%s|%d|", family, ap.Addr(), ap.Port())
}

func TestParseEPRT(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"|1|132.235.1.2|6275|", "132.235.1.2:6275"},
		{"|2|1080::8:800:200C:417A|5282|", "[1080::8:800:200c:417a]:5282"},
		{"!1!192.0.2.1!1!", "192.0.2.1:1"},
		{"~2~::1~65535~", "[::1]:65535"},
	} {
		got, err := ParseEPRT(tt.in)
		require.NoError(t, err)
		assert.Equal(t, tt.want, got.String())
		again, err := ParseEPRT(formatEPRT(got))
		require.NoError(t, err)
		assert.Equal(t, got, again)
	}
	for _, in := range []string{
		"", "|", "||||", "|1|192.0.2.1|21", "|1|192.0.2.1|21|x", "|1|192.0.2.1|21||", "1|192.0.2.1|21", " 1 192.0.2.1 21 ",
		"|1|::1|21|", "|2|192.0.2.1|21|", "|2|::ffff:192.0.2.1|21|", "|2|fe80::1%eth0|21|", "|1|192.0.2.01|21|", "|1|192.0.2|21|",
		"|1|192.0.2.1|0|", "|1|192.0.2.1|65536|", "|1|192.0.2.1|-1|", "|1|192.0.2.1|021|", "|1|192.0.2.1||", "|1||21|", "||192.0.2.1|21|",
		"|x|192.0.2.1|21|", "|01|192.0.2.1|21x|", "\xff1\xff192.0.2.1\xff21\xff", ":2:::1:21:",
	} {
		_, err := ParseEPRT(in)
		assert.Error(t, err, "%q", in)
		if in != "|01|192.0.2.1|21x|" {
			assert.NotErrorIs(t, err, ErrProtocol, "%q", in)
		}
	}
	for _, in := range []string{"|0|192.0.2.1|21|", "|3|x|21|", "|99999999999999999999|x|y|"} {
		_, err := ParseEPRT(in)
		assert.ErrorIs(t, err, ErrProtocol, "%q", in)
	}
}

func TestParseEPSV(t *testing.T) {
	for _, tt := range []struct {
		in     string
		family int
		all    bool
	}{{"", 0, false}, {"1", 4, false}, {"2", 6, false}, {"ALL", 0, true}, {"all", 0, true}, {"All", 0, true}} {
		family, all, err := ParseEPSV(tt.in)
		require.NoError(t, err)
		assert.Equal(t, tt.family, family)
		assert.Equal(t, tt.all, all)
	}
	for _, in := range []string{"0", "3", "01", "999999999999999999999999"} {
		_, _, err := ParseEPSV(in)
		assert.ErrorIs(t, err, ErrProtocol, "%q", in)
	}
	for _, in := range []string{" ", "1 ", "-1", "x", "ALL ", "ALLO"} {
		_, _, err := ParseEPSV(in)
		var syntax *SyntaxError
		assert.ErrorAs(t, err, &syntax, "%q", in)
	}
}

func TestParsePassiveReplies(t *testing.T) {
	ap, err := ParsePasvReply("Entering (very) Passive Mode (192,0,2,1,82,8).")
	require.NoError(t, err)
	assert.Equal(t, "192.0.2.1:21000", ap.String())
	for _, in := range []string{"", "(", "()", "192,0,2,1,82,8", "(192,0,2,1,82,8", "(192,0,2,1,82)"} {
		_, err := ParsePasvReply(in)
		assert.Error(t, err, "%q", in)
	}

	port, err := ParseEPSVReply("Entering Extended Passive Mode (((|||6446|)")
	require.NoError(t, err)
	assert.EqualValues(t, 6446, port)
	for _, in := range []string{"", "(|||6446|", "|||6446|", "(|||0|)", "(|||65536|)", "(||||)", "(|||)", "(|)", "()", "(||6446|)", "(|!|6446|)", "(|||6446!)", "(|1|192.0.2.1|6446|)", "(   6446 )"} {
		_, err := ParseEPSVReply(in)
		assert.Error(t, err, "%q", in)
	}
}

func FuzzPort(f *testing.F) {
	for _, s := range []string{"192,0,2,1,82,8", "1,2,3,4,0,0", "01,2,3,4,5,6", "Entering (1,2,3,4,5,6)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		if ap, err := ParsePasvReply(arg); err == nil {
			again, err := ParsePasvReply("(" + FormatPort(ap) + ")")
			require.NoError(t, err)
			require.Equal(t, ap, again)
		}
		ap, err := ParsePort(arg)
		if err != nil {
			require.Zero(t, ap)
			return
		}
		require.Equal(t, arg, FormatPort(ap))
	})
}

func FuzzEPRT(f *testing.F) {
	for _, s := range []string{"|1|192.0.2.1|21|", "|2|::1|21|", "|2|::ffff:1.2.3.4|21|", "|2|fe80::1%e|21|", "212::1221222"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		ap, err := ParseEPRT(arg)
		if err != nil {
			require.Zero(t, ap)
			return
		}
		require.NotZero(t, ap.Port())
		require.Empty(t, ap.Addr().Zone())
		again, err := ParseEPRT(formatEPRT(ap))
		require.NoError(t, err)
		require.Equal(t, ap, again)
	})
}

func FuzzEPSV(f *testing.F) {
	for _, s := range []string{"", "1", "2", "all", "3", "(|||6446|)", "a (((!!!1!)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		family, all, err := ParseEPSV(arg)
		if err == nil {
			printed := map[int]string{0: "", 4: "1", 6: "2"}[family]
			if all {
				printed = "ALL"
			}
			require.Equal(t, upper(arg), printed)
		}
		if port, err := ParseEPSVReply(arg); err == nil {
			require.NotZero(t, port)
		}
	})
}
