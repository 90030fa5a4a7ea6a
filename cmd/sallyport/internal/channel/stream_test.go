package channel

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Messages of a stream arrive as they were sent. What makes no sense, and an end in the middle of a message, are told
// from the end of the stream.
func TestStream(t *testing.T) {
	mine, its := net.Pipe()
	a, z := NewStream(mine, mine, mine.Close), NewStream(its, its, its.Close)
	want := []string{"x", strings.Repeat("y", MaxMessage), "z"}
	go func() {
		for _, text := range want {
			a.Send([]byte(text), nil)
		}
		a.Close()
	}()
	buf := make([]byte, MaxMessage)
	for _, text := range want {
		got, f, err := z.Receive(buf)
		require.NoError(t, err)
		require.Nil(t, f)
		require.Equal(t, text, string(got))
	}
	_, _, err := z.Receive(buf)
	require.Equal(t, io.EOF, err)
	require.Error(t, z.Send([]byte("x"), nil))

	of := func(length uint32, content string) error {
		s := NewStream(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, length), content...)), io.Discard, func() error { return nil })
		_, _, err := s.Receive(buf)
		return err
	}
	require.ErrorIs(t, of(0, ""), ErrMessage)
	require.ErrorIs(t, of(MaxMessage+1, "x"), ErrMessage)
	require.ErrorIs(t, of(2, "x"), io.ErrUnexpectedEOF)
	require.ErrorIs(t, of(1, ""), io.ErrUnexpectedEOF)
	s := NewStream(nil, io.Discard, func() error { return nil })
	require.ErrorIs(t, s.Send(make([]byte, MaxMessage+1), nil), ErrMessage)
	require.Error(t, s.Send([]byte("x"), os.Stdin))
}

// A message that nobody takes ends the stream.
func TestStreamPatience(t *testing.T) {
	mine, its := net.Pipe()
	defer its.Close()
	s := NewStream(mine, mine, mine.Close)
	s.Patience = time.Millisecond
	require.Error(t, s.Send([]byte("x"), nil))
	_, err := mine.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}
