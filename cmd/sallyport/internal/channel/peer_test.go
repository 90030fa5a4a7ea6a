//go:build linux

package channel

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

const (
	opEcho = FirstOp + iota
	opWait
	opFile
	opPanic
	opLong
)

// echo answers the questions of the tests.
func echo(c *Call, w *Writer) (*os.File, error) {
	switch c.Op {
	case opEcho:
		w.String(c.String())
		return nil, nil
	case opWait:
		<-c.Ctx.Done()
		return nil, c.Ctx.Err()
	case opFile:
		f := c.File
		c.File = nil
		return f, nil
	case opPanic:
		panic("no")
	case opLong:
		_ = c.String()
		w.String(strings.Repeat("x", MaxMessage))
		return nil, nil
	}
	return nil, &driver.Error{Code: 421, Text: "Unknown."}
}

// pair returns two connected peers, the second of which answers as echo does.
func pair(t testing.TB) (*Peer, *Peer) {
	a, z, err := Pair()
	require.NoError(t, err)
	asking, err := NewPeer(a, AnyFiles, nil)
	require.NoError(t, err)
	answering, err := NewPeer(z, AnyFiles, echo)
	require.NoError(t, err)
	t.Cleanup(func() { asking.Close(); answering.Close() })
	return asking, answering
}

// ask asks a question with a text, and returns the text of the answer.
func ask(ctx context.Context, p *Peer, op byte, text string) (answer string, err error) {
	err = p.Ask(ctx, time.Minute, op, func(w *Writer) { w.String(text) }, nil, func(r *Reader, f *os.File) error {
		closeFile(f)
		answer = r.String()
		return nil
	})
	return answer, err
}

func TestPeer(t *testing.T) {
	p, other := pair(t)
	got, err := ask(t.Context(), p, opEcho, "a\xff")
	require.NoError(t, err)
	require.Equal(t, "a\xff", got)
	_, err = ask(t.Context(), p, 99, "")
	var told *driver.Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, 421, told.Code)
	_, err = ask(t.Context(), p, opPanic, "")
	require.ErrorContains(t, err, "panic: no")
	_, err = ask(t.Context(), p, opLong, "")
	require.ErrorContains(t, err, "bytes")
	_, err = ask(t.Context(), p, opEcho, strings.Repeat("x", MaxMessage))
	require.ErrorContains(t, err, "bytes")
	_, err = ask(t.Context(), other, opEcho, "")
	require.ErrorIs(t, err, errors.ErrUnsupported, "an end that answers nothing")
	err = p.Ask(t.Context(), time.Minute, opEcho, nil, nil, nil)
	require.ErrorIs(t, err, ErrMessage, "a question without its text")
	_, err = ask(t.Context(), p, opEcho, "still there")
	require.NoError(t, err)
}

// A descriptor can be sent with a question and with an answer.
func TestPeerFile(t *testing.T) {
	p, _ := pair(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	var back *os.File
	require.NoError(t, p.Ask(t.Context(), time.Minute, opFile, nil, w, func(_ *Reader, f *os.File) error {
		back = f
		return nil
	}))
	require.NoError(t, w.Close())
	_, err = io.WriteString(back, "through")
	require.NoError(t, err)
	require.NoError(t, back.Close())
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "through", string(got), "and no other descriptor of it is left open")
}

// Ask returns an error if ctx has ended, if no answer comes in time, and if the other end is gone.
func TestPeerUnanswered(t *testing.T) {
	p, other := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	require.ErrorIs(t, p.Ask(ctx, time.Minute, opWait, nil, nil, nil), context.Canceled)
	require.ErrorIs(t, p.Ask(t.Context(), time.Millisecond, opWait, nil, nil, nil), ErrStuck)
	time.AfterFunc(10*time.Millisecond, func() { other.Close() })
	require.ErrorIs(t, p.Ask(t.Context(), time.Minute, opWait, nil, nil, nil), ErrGone)
	require.ErrorIs(t, p.Ask(t.Context(), time.Minute, opEcho, nil, nil, nil), ErrGone)
	<-p.Done()
}

// Whatever messages come, a Peer neither panics nor accepts answers to calls that it did not make.
func FuzzPeer(f *testing.F) {
	message := func(build func(w *Writer)) []byte {
		var w Writer
		build(&w)
		return w
	}
	f.Add(message(func(w *Writer) { w.Begin(opEcho, 1); w.String("x") }))
	f.Add(message(func(w *Writer) { w.Begin(opAnswer, 1); w.Failure(driver.ErrLogin) }))
	f.Add(message(func(w *Writer) { w.Begin(opCancel, 1) }))
	f.Add([]byte{2, opEcho, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, other := pair(t)
		waiting := make(chan error, 1)
		go func() { waiting <- other.Ask(t.Context(), time.Minute, opEcho, nil, nil, nil) }()
		p.s.Send(b[:min(len(b), MaxMessage)], nil)
		p.Close()
		<-waiting
		<-other.Done()
	})
}

// Another program takes over one end: no question of the other end is lost, and none is answered twice.
func TestPeerDetached(t *testing.T) {
	p, other := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() { waiting <- p.Ask(ctx, time.Minute, opWait, nil, nil, nil) }()
	require.Eventually(t, func() bool { other.mu.Lock(); defer other.mu.Unlock(); return len(other.asked) == 1 }, time.Minute, time.Millisecond)
	late, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	require.ErrorIs(t, other.Pause(late), context.DeadlineExceeded, "a question is not answered yet")
	other.Resume()
	cancel()
	require.ErrorIs(t, <-waiting, context.Canceled)

	require.NoError(t, other.Pause(t.Context()))
	answers := make(chan string, 2)
	echoed := func(text string) {
		got, err := ask(t.Context(), p, opEcho, text)
		if err != nil {
			got = err.Error()
		}
		answers <- got
	}
	go echoed("one")
	require.Eventually(t, func() bool { other.mu.Lock(); defer other.mu.Unlock(); return len(other.held) == 1 }, time.Minute, time.Millisecond)
	d, err := other.Detach()
	require.NoError(t, err)
	require.Len(t, d.Held, 1)
	go echoed("two") // stays in the socket
	next, err := Attach(d, AnyFiles, echo)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"one", "two"}, []string{<-answers, <-answers})
	_, err = ask(t.Context(), next, opEcho, "")
	require.ErrorIs(t, err, errors.ErrUnsupported, "what p answers")
	require.NoError(t, next.Close())
	other.Resume() // lets the cleanup end it
}
