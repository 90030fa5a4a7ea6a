package firewall

import (
	"strings"
	"testing"
)

// dangerous holds characters that end an argument, a string or a line, or begin a command or a block, in some kind.
const dangerous = "\"'`$;&|<>(){}[]\\\n\r\t!*?~%^#"

// FuzzInjection checks that the texts of a Setup bring nothing but themselves into a rendering: either they are
// refused, or every kind renders them as it renders harmless texts in their place, word for word.
func FuzzInjection(f *testing.F) {
	f.Add("sallyport", "ftp.example.com", "21000-21010")
	f.Add("a\"; reboot; \"", "x", "1")
	f.Add("a", "$(reboot)", "21000; reboot")
	f.Add("a\n", "ftp.example.com\nreboot", "21000\n")
	f.Add("ip", "_ftp.example.com.", " 21000 , !21001 ,21001-21002")
	f.Fuzz(func(t *testing.T, name, public, data string) {
		s := setups()["everything"]
		s.Name, s.PublicName, s.Data, s.DataOffset = name, public, data, 0
		if s.Validate() != nil {
			return
		}
		if strings.ContainsAny(name+public, dangerous+" ") {
			t.Fatalf("%q and %q were accepted", name, public)
		}
		if strings.HasPrefix(name, "-") || strings.HasPrefix(public, "-") {
			t.Fatalf("%q or %q reads as an option", name, public)
		}
		plain := s
		plain.Name, plain.PublicName = "", "ftp.example.com"
		if public == "" {
			plain.PublicName = ""
		}
		for _, in := range Kinds() {
			for _, side := range in.Sides {
				got, err := Render(in.Kind, side, s)
				want, wantErr := Render(in.Kind, side, plain)
				if (err == nil) != (wantErr == nil) {
					t.Fatalf("%s %s: %v, but %v", in.Kind, side, err, wantErr)
				}
				if in.comment != "" { // leaves out comments, which a longer name folds elsewhere
					got, want = body(got, in.comment), body(want, in.comment)
				}
				if got, want := skeleton(got), skeleton(want); got != want {
					t.Fatalf("%s %s:\n%s\ninstead of\n%s", in.Kind, side, got, want)
				}
			}
		}
	})
}

// skeleton returns all that could mean something to a shell or a firewall in a text.
func skeleton(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (strings.ContainsRune(dangerous, r) || r < ' ' || r > '~') {
			return r
		}
		return -1
	}, text)
}
