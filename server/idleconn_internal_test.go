package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// counted returns content in which no two words are the same.
func counted(size int) []byte {
	content := make([]byte, 0, size)
	for i := uint32(0); len(content) < size; i++ {
		content = binary.BigEndian.AppendUint32(content, i)
	}
	return content[:size]
}

// fileOf returns a file with the given content, to be read from the beginning.
func fileOf(t *testing.T, content []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	f, err := os.Open(name)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// Without sendfile a file is sent whole all the same: the bytes that a deadline
// kept from being written are not lost.
func TestSendFileSlowly(t *testing.T) {
	content := counted(100_000)
	f := fileOf(t, content)
	_, err := f.Seek(5, io.SeekStart) // REST
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		var (
			sent   int64
			failed error
		)
		go func() {
			sent, failed = (&idleConn{Conn: ours, limit: time.Minute}).sendFile(f, math.MaxInt64)
			ours.Close()
		}()
		var got bytes.Buffer
		for {
			time.Sleep(50 * time.Second)
			if _, err := io.CopyN(&got, theirs, 1000); err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
		}
		synctest.Wait()
		require.NoError(t, failed)
		require.EqualValues(t, len(content)-5, sent)
		require.True(t, bytes.Equal(content[5:], got.Bytes()))
	})
}

// The sending of a file ends when the client reads nothing for the limit, and the
// number of bytes sent is known.
func TestSendFileIdle(t *testing.T) {
	f := fileOf(t, counted(100_000))
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		defer ours.Close()
		go io.CopyN(io.Discard, theirs, 1000)
		sent, err := (&idleConn{Conn: ours, limit: time.Minute}).sendFile(f, math.MaxInt64)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.EqualValues(t, 1000, sent)
	})
}

// Over TCP a file is sent whole though the send buffer fills again and again.
func TestSendFileOverTCP(t *testing.T) {
	content := counted(16 << 20)
	f := fileOf(t, content)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	theirs, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	defer theirs.Close()
	require.NoError(t, theirs.SetDeadline(time.Now().Add(20*time.Second)))
	ours, err := ln.Accept()
	require.NoError(t, err)
	defer ours.Close()
	done := make(chan error, 1)
	go func() {
		defer ours.Close()
		conn := &idleConn{Conn: ours, limit: 20 * time.Second}
		_, err := conn.sendFile(f, math.MaxInt64)
		done <- err
	}()
	got, err := io.ReadAll(theirs)
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.True(t, bytes.Equal(content, got))
}

// A file that can't be wound back, such as a named pipe, is copied.
func TestSendFileFromPipe(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	go func() {
		io.WriteString(w, "hello")
		w.Close()
	}()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		(&idleConn{Conn: ours, limit: time.Minute}).sendFile(r, math.MaxInt64)
		ours.Close()
	}()
	got, err := io.ReadAll(theirs)
	require.NoError(t, err)
	require.Equal(t, "hello", string(got))
}

// slowToClose is a connection whose Close returns when closing ends.
type slowToClose struct {
	net.Conn
	closing chan struct{}
}

func (c slowToClose) Close() error {
	<-c.closing
	return c.Conn.Close()
}

// While one goroutine resets a connection, another writes nothing more to it, such as
// a close_notify.
func TestNothingIsWrittenAfterCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		closing := make(chan struct{})
		c := &idleConn{Conn: slowToClose{ours, closing}, limit: time.Minute}
		go c.cut()
		synctest.Wait()
		go io.Copy(io.Discard, theirs)
		n, err := c.Write([]byte("close_notify"))
		require.ErrorIs(t, err, net.ErrClosed)
		require.Zero(t, n)
		close(closing)
	})
}
