package ftpstest_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/ftpstest"
)

// numbers matches what differs from one run to the next.
var numbers = regexp.MustCompile(`127\.0\.0\.1:\d+|\|\d+\|`)

func TestTranscript(t *testing.T) {
	srv := ftpstest.Start(t)
	srv.Inject(ftpstest.Fault{Kind: ftpstest.Reply, To: "NOOP", Code: 211, Text: "one\ntwo"})
	c := login(t, srv)
	require.NoError(t, c.Put("STOR a\x1bb", "1234"))
	_, err := c.Cmd(211, "NOOP")
	require.NoError(t, err)
	_, err = c.Get("RETR none")
	require.Error(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, srv.Close())
	require.Equal(t, `1 -- connected from ADDR
1 S: 220 FTP server ready.
1 C: AUTH TLS
1 S: 234 Proceed with the TLS handshake.
1 C: USER test
1 S: 331 Password required.
1 C: PASS ****
1 S: 230 Logged in.
1 C: PBSZ 0
1 S: 200 PBSZ=0
1 C: PROT P
1 S: 200 Data connections are private now.
1 C: TYPE I
1 S: 200 Type is I.
1 C: EPSV
1 S: 229 Entering Extended Passive Mode (||ADDR)
1 C: STOR a\x1bb
1 S: 150 Opening the data connection.
1 -- STOR /a\x1bb: 4 bytes, protected, resumed
1 S: 226 Transfer complete.
1 C: NOOP
1 -- fault reply:to=NOOP,code=211,text="one\ntwo"
1 S: 211-one
1 S: 211 two
1 C: EPSV
1 S: 229 Entering Extended Passive Mode (||ADDR)
1 C: RETR none
1 S: 550 No such file or directory.
1 C: QUIT
1 S: 221 Goodbye.
1 -- disconnected
`, numbers.ReplaceAllString(srv.Transcript(), "ADDR"))
}
