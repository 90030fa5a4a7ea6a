package clients

import (
	"os"
	"strings"
	"testing"
)

// lftp takes TLS off its control connection with CCC and goes on transferring
// files over protected data connections. Together with the TLS of its control
// connection lftp forgets the session to resume.
func TestLftpCCC(t *testing.T) {
	s := Start(t, Options{CCC: true})
	l := lftpKind.New(t, s).(*lftp)
	st := &stage{t, s, l, t.TempDir()}
	st.write(st.local("up"), content(300_000))
	_, err := l.run(
		"set ftp:ssl-use-ccc yes",
		"cd /",
		"put "+quote(st.local("up"))+" -o up",
		"get up -o "+quote(st.local("down")),
		"ls",
	)
	st.do("CCC", err)
	if hash(t, st.local("up")) != hash(t, st.local("down")) {
		t.Error("the file came back changed")
	}
	s.WantResumed(t, false)
	if !strings.Contains(s.since(0), "control connection in clear after CCC") {
		t.Error("lftp did not send CCC")
	}
	if _, err := os.Stat(s.Path("up")); err != nil {
		t.Error(err)
	}
}
