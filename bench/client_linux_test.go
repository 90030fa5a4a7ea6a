package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ways holds changes of a dialer, one for each way to reach a server.
var ways = map[string]func(*dialer){
	"TLS":             nil,
	"clear":           func(d *dialer) { d.clear = true },
	"PASV":            func(d *dialer) { d.pasv = true },
	"another address": func(d *dialer) { d.from = "127.0.0.7" },
	"tiny buffer":     func(d *dialer) { d.buffer = 100 },
	"huge buffer":     func(d *dialer) { d.buffer = 1 << 20 },
}

func TestClientMovesFiles(t *testing.T) {
	l := newLoad(t)
	require.NoError(t, l.dir("up"))
	sizes := []int64{0, 1, smallSize, 100_000, blockSize + 1}
	for i, size := range sizes {
		require.NoError(t, l.file("down/"+strconv.Itoa(i), content{i, size}))
	}
	for name, change := range ways {
		t.Run(name, func(t *testing.T) {
			c := l.session(t, change)
			for i, size := range sizes {
				what, file := content{i, size}, strconv.Itoa(i)
				require.NoError(t, c.fetch("down/"+file, what))
				require.NoError(t, c.put("STOR up/"+file, what))
				require.NoError(t, verify(filepath.Join(l.root, "up", file), what))
			}
			require.NoError(t, c.quit())
			if !c.dialer.clear {
				require.Equal(t, 2*len(sizes), c.data)
				require.Equal(t, c.data, c.resumed, "every data connection resumes, after uploads too")
			}
		})
	}
}

func TestClientKeepsStep(t *testing.T) {
	l := newLoad(t)
	require.NoError(t, l.file("down/right", content{1, smallSize}))
	c := l.session(t, nil)
	err := c.fetch("down/none", content{})
	require.ErrorContains(t, err, "RETR: 550")
	require.True(t, refused(err))
	require.False(t, full(err))
	require.ErrorIs(t, c.fetch("down/right", content{2, smallSize}), errWrong)
	require.ErrorContains(t, c.fetch("down/right", content{1, smallSize + 1}), "ended after 4096 of 4097 bytes")
	require.ErrorIs(t, c.fetch("down/right", content{1, smallSize - 1}), errWrong)
	require.ErrorContains(t, c.put("STOR none/file", content{1, smallSize}), "550")
	require.False(t, c.lost)
	require.NoError(t, c.fetch("down/right", content{1, smallSize}))
}

func TestClientStaysWithinPorts(t *testing.T) {
	l := newLoad(t)
	l.ports = "1-2"
	require.NoError(t, l.file("down/one", content{}))
	c := l.session(t, nil)
	require.ErrorContains(t, c.fetch("down/one", content{}), "not in the set")
	require.False(t, c.lost)
}

// TestClientGivesUp shows that neither a silent server nor the end of the
// context leaves a client waiting.
func TestClientGivesUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	d := dialer{addr: ln.Addr().String(), timeout: 20 * time.Millisecond}
	_, err = d.login(t.Context())
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	d.timeout = patience
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for { // the first is the connection from before
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			if _, err := io.WriteString(conn, "220 Wait\r\n"); err == nil {
				go func() {
					if n, _ := conn.Read(make([]byte, 100)); n > 0 { // reads AUTH
						cancel()
					}
					_, _ = io.Copy(io.Discard, conn)
					conn.Close()
				}()
			}
		}
	}()
	_, err = d.login(ctx)
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestLoginRefused(t *testing.T) {
	l := newLoad(t)
	d, err := l.dialer()
	require.NoError(t, err)
	d.password = "wrong"
	_, err = d.login(within(t))
	require.ErrorContains(t, err, "PASS: 530")
}

func TestContentTellsItsOwner(t *testing.T) {
	var all [300]content
	seen := make(map[string]int)
	for id := range all {
		all[id] = content{id, 16}
		seen[string(all[id].at(0))] = id
	}
	require.Len(t, seen, len(all))

	long := content{3, 2*blockSize + 10}
	var b strings.Builder
	n, err := long.WriteTo(&b)
	require.NoError(t, err)
	require.Equal(t, long.size, n)
	require.EqualValues(t, long.size, b.Len())
	text := b.String()
	require.Equal(t, text[:1000], text[blockSize:blockSize+1000])

	check := checker{content: long}
	for rest := text; rest != ""; { // in pieces of all sizes
		n := min(len(rest), 1+len(rest)/3)
		_, err := io.WriteString(&check, rest[:n])
		require.NoError(t, err)
		rest = rest[n:]
	}
	require.NoError(t, check.whole())
	_, err = check.Write([]byte{0})
	require.ErrorIs(t, err, errWrong)
	for _, at := range []int{0, blockSize, len(text) - 1} {
		changed := text[:at] + string([]byte{text[at] ^ 1}) + text[at+1:]
		_, err := io.WriteString(&checker{content: long}, changed)
		require.ErrorIs(t, err, errWrong)
	}
}

// writes counts calls of Write.
type writes struct {
	net.Conn
	sizes []int
	err   error
}

func (w *writes) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.sizes = append(w.sizes, len(p))
	return len(p), nil
}

func TestGatherConn(t *testing.T) {
	w := new(writes)
	g := gatherConn{Conn: w, out: make([]byte, 0, 10)}
	write := func(n int) {
		t.Helper()
		got, err := g.Write(make([]byte, n))
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	write(3)
	g.gather = true
	write(4)
	write(4)
	write(4) // does not fit: sends what the first two have written
	write(6)
	write(25) // is sent by itself, after what waits
	write(1)
	require.NoError(t, g.finish())
	write(2)
	require.Equal(t, []int{3, 8, 10, 25, 1, 2}, w.sizes)

	w.err = errors.New("broken")
	g.gather = true
	write(5)
	_, err := g.Write(make([]byte, 6))
	require.ErrorIs(t, err, w.err)
}
