package pamhelper

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// framed returns a text in the form in which the helper sends it.
func framed(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// An answer that makes no sense is an error that says so.
func TestReceive(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":3,"verdict":"accepted","user":{"uid":5}}`: "",
		`{"version":4,"verdict":"accepted"}`:                  "it speaks version 4, and this server version 3: install both programs anew",
		`{"version":3,"verdict":"maybe"}`:                     `the verdict "maybe" is not known`,
		`{"version":3}`:                                       `the verdict "" is not known`,
		`[]`:                                                  "cannot unmarshal",
	} {
		a, err := receive(bytes.NewReader(framed(text)))
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, 5, a.User.UID)
			continue
		}
		require.ErrorContains(t, err, want)
	}
	_, err := receive(bytes.NewReader(framed(strings.Repeat(" ", maxMessage+1))))
	require.ErrorContains(t, err, "there may be 65536")
	_, err = receive(strings.NewReader("\x00\x00"))
	require.Error(t, err)
	_, err = frame(Question{User: strings.Repeat("x", maxMessage)})
	require.ErrorContains(t, err, "there may be 65536")
}

// Whatever a helper sends, receive returns an answer with a known verdict, or
// an error.
func FuzzReceive(f *testing.F) {
	f.Add(framed(`{"version":3,"verdict":"refused","reason":"no"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := receive(bytes.NewReader(b)); err == nil {
			require.Contains(t, []string{Accepted, Refused, Down}, a.Verdict)
		}
	})
}
