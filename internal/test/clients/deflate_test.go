package clients

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/tls"
)

// lftp in MODE Z: up, down, both again from the middle, an empty file and a
// listing.
func TestLftpModeZ(t *testing.T) {
	s := Start(t, Options{Reuse: tls.Require, Z: true})
	l := lftpKind.New(t, s).(*lftp)
	st := &stage{t, s, l, t.TempDir()}
	text := bytes.Repeat([]byte("all work and no play\n"), 50_000)
	st.write(st.local("up"), text)
	st.write(st.local("empty"), nil)
	st.write(s.Path("again"), text[:400_000])
	st.write(st.local("down"), text[:300_000])
	st.write(s.Path("back"), text)
	out, err := l.run(
		"set ftp:use-mode-z yes",
		"set ftp:mode-z-level 3",
		"put "+quote(st.local("up"))+" -o up",
		"put "+quote(st.local("empty"))+" -o empty",
		"put -c "+quote(st.local("up"))+" -o again",
		"get -c back -o "+quote(st.local("down")),
		"get empty -o "+quote(st.local("empty2")),
		"ls",
	)
	st.do("MODE Z", err)
	for _, name := range []string{s.Path("up"), s.Path("again"), st.local("down")} {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for _, name := range []string{s.Path("empty"), st.local("empty2")} {
		if fi, err := os.Stat(name); err != nil || fi.Size() != 0 {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
	if names := strings.Join(Long(out), " "); !strings.Contains(names, "again") {
		t.Errorf("the listing was %q", out)
	}
	compressed := 0
	for _, x := range s.Transfers() {
		if x.Compressed {
			compressed++
		}
	}
	if compressed < 5 {
		t.Errorf("%d transfers were compressed", compressed)
	}
}
