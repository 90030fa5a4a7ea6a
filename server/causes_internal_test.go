package server

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// The text for the client and the cause behind it become one sentence.
func TestSentence(t *testing.T) {
	for _, c := range []struct {
		text  string
		cause error
		want  string
	}{
		{"Transfer aborted.", errAborted, "server: transfer aborted: the client sent ABOR"},
		{"The data connection broke.", errors.New("read tcp: reset"), "server: the data connection broke: read tcp: reset"},
		{"PROT was changed; open another data connection.", nil, "server: PROT was changed; open another data connection"},
		{"Can't open the data connection.", nil, "server: can't open the data connection"},
		{"", errors.New("x"), "server: x"},
		{"It broke.", errors.New("raw-write tcp4 a->b: i/o timeout"), "server: it broke: write tcp4 a->b: i/o timeout"},
		{"Ünder.", nil, "server: ünder"},
	} {
		require.Equal(t, c.want, sentence(c.text, c.cause))
	}
}

// The end of a control connection is put into words once, and errors.Is still finds
// its cause.
func TestExplainControl(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{io.EOF, "server: the client closed the control connection"},
		{fmt.Errorf("tls: %w", io.EOF), "server: the client closed the control connection"},
		{io.ErrUnexpectedEOF, "server: the client closed the control connection"},
		{errors.New("read tcp: reset"), "server: the control connection broke: read tcp: reset"},
		{errIdle, "server: idle timeout"},
	} {
		err := explainControl(explainControl(c.err))
		require.EqualError(t, err, c.want)
		if errors.Is(c.err, io.EOF) {
			require.ErrorIs(t, err, io.EOF)
		}
	}
	require.NoError(t, explainControl(nil))
}
