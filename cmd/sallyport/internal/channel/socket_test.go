//go:build linux

package channel

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sockets returns two connected sockets, the second of which is opened by open.
func sockets(t *testing.T, open func(*os.File, Files) (*Socket, error)) (a, z *Socket) {
	t.Helper()
	f, g, err := Pair()
	require.NoError(t, err)
	a, err = Open(f, AnyFiles)
	require.NoError(t, err)
	z, err = open(g, AnyFiles)
	require.NoError(t, err)
	t.Cleanup(func() { a.Close(); z.Close() })
	return a, z
}

// Receive returns when a message comes, when the other end closes the socket, and when this end does.
func TestReceive(t *testing.T) {
	for name, open := range map[string]func(*os.File, Files) (*Socket, error){"as Go does": Open, "in the system": OpenBlocking} {
		t.Run(name, func(t *testing.T) {
			a, z := sockets(t, open)
			got := make(chan string)
			ended := make(chan error, 1)
			receive := func() {
				for buf := make([]byte, MaxMessage); ; {
					b, _, err := z.Receive(buf)
					if err != nil {
						ended <- err
						return
					}
					got <- string(b)
				}
			}
			go receive()
			for _, text := range []string{"a", "b"} {
				require.NoError(t, a.Send([]byte(text), nil))
				require.Equal(t, text, <-got)
			}
			require.NoError(t, a.Close())
			require.ErrorIs(t, <-ended, io.EOF)
			require.NoError(t, a.Close(), "once more")

			_, z = sockets(t, open)
			go receive()
			time.Sleep(10 * time.Millisecond) // most likely Receive waits by then
			require.NoError(t, z.Close())
			err := <-ended
			require.True(t, errors.Is(err, io.EOF) || errors.Is(err, os.ErrClosed), "%v", err)
		})
	}
}

// A message that a full socket has no room for waits until there is room, for Patience at most.
func TestSendIntoFullSocket(t *testing.T) {
	a, z := sockets(t, Open)
	a.Patience = 10 * time.Millisecond
	message := make([]byte, 1000)
	sent := 0
	var err error
	for ; err == nil; sent++ {
		err = a.Send(message, nil)
	}
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Greater(t, sent, 10)

	a.Patience = 0
	waiting := make(chan error, 1)
	go func() { waiting <- a.Send(message, nil) }()
	buf := make([]byte, MaxMessage)
	for range sent { // the earlier messages, and the one that waits
		_, _, err := z.Receive(buf)
		require.NoError(t, err)
	}
	require.NoError(t, <-waiting)

	for a.Patience = 10 * time.Millisecond; err == nil || errors.Is(err, os.ErrDeadlineExceeded); {
		if err = a.Send(message, nil); err != nil {
			break
		}
	}
	a.Patience = 0
	go func() { waiting <- a.Send(message, nil) }()
	require.NoError(t, z.Close())
	require.Error(t, <-waiting, "nobody will ever read it")
}
