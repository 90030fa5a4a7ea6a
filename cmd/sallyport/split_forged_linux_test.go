package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
)

// takenOver returns an engine's end of the socket to a keeper, as an attacker would have it. The keeper has the user
// alice and, of the other parts, only the clerk.
func takenOver(t testing.TB) (*channel.Peer, *keeper) {
	t.Helper()
	peers := func(answer channel.Answer) (*channel.Peer, *channel.Peer) {
		a, z, err := channel.Pair()
		require.NoError(t, err)
		asks, err := channel.NewPeer(a, channel.AnyFiles, nil)
		require.NoError(t, err)
		answers, err := channel.NewPeer(z, channel.RegularFiles, answer)
		require.NoError(t, err)
		t.Cleanup(func() { asks.Close(); answers.Close() })
		return asks, answers
	}
	s, err := load("serve", []string{t.TempDir(), "--config", configure(t, "run-as = \"20000:20000\"\n"+alice+"system-user = \"20001:20001\"\n")}, nil)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	ports, err := passive.Range("21000-21010")
	require.NoError(t, err)
	k := &keeper{daemon: &daemon{settings: s, started: s, log: log, ports: ports, leave: func() {}}, arrived: make(chan struct{}), ready: make(chan struct{})}
	e := k.newEngine()
	clerk, _ := peers(newClerk().answer)
	k.parts = map[string]*part.Process{partClerk: {Peer: clerk}}
	users, err := k.judges(s)
	require.NoError(t, err)
	k.users.now.Store(users)
	engine, its := peers(e.answer)
	e.Process = &part.Process{Peer: its}
	k.engines = append(k.engines, e)
	close(e.started)
	return engine, k
}

// An engine that was taken over gets no hands, ports or files by asking for them.
func TestSplitForgedMessages(t *testing.T) {
	engine, k := takenOver(t)
	ask := func(op byte, build func(w *channel.Writer)) error {
		return engine.Ask(t.Context(), time.Minute, op, build, nil, func(_ *channel.Reader, f *os.File) error {
			if f != nil {
				f.Close()
				return errors.New("a descriptor came")
			}
			return nil
		})
	}
	for _, q := range []question{
		{user: "alice", password: "wrong"}, {user: "alice"}, {user: "nobody", password: "secret"}, {user: "", password: ""},
		{user: "alice", certificate: true, commonName: "alice"},
		{user: "alice\x00", password: "secret"}, {user: "20001:20001", password: "secret"}, {user: "../alice", password: "secret"},
	} {
		err := ask(askLogin, q.write)
		require.Error(t, err, "%+v", q)
		require.True(t, errors.Is(err, driver.ErrLogin) || errors.Is(err, driver.ErrNeedPassword), "%+v: %v", q, err)
	}
	require.ErrorIs(t, ask(askLogin, (&question{user: "alice", password: "secret", peer: "nonsense"}).write), channel.ErrMessage)
	require.Empty(t, k.engines[0].hands.report())
	for _, address := range []string{":22", ":0", "127.0.0.1:80"} {
		require.Error(t, ask(askPort, func(w *channel.Writer) { w.String("tcp"); w.String(address); w.Bool(true) }), address)
	}
	for _, name := range []string{"/etc/shadow", "", "signer", "../x"} {
		require.ErrorIs(t, ask(askFile, func(w *channel.Writer) { w.String(name) }), fs.ErrNotExist, name)
	}
	for _, op := range []byte{askLogout, askLost} {
		require.NoError(t, ask(op, func(w *channel.Writer) { w.Uint(7) }), "of a hand that is not there")
	}
	for _, pid := range []uint64{0, 1, uint64(os.Getpid())} {
		f, err := packed(engineRequest{Kick: &kickRequest{User: "alice"}})
		require.NoError(t, err)
		require.ErrorIs(t, engine.Ask(t.Context(), time.Minute, askOther, func(w *channel.Writer) { w.Uint(pid); w.Bool(true) }, f, nil), channel.ErrGone, "process %d is no other engine", pid)
		require.NoError(t, f.Close())
	}
	for op := range byte(255) {
		if op >= channel.FirstOp && op != askEnd && op != askReload && op != askUpgrade { // leaves out what the operator's socket asks for
			ask(op, func(w *channel.Writer) { w.String("x") })
		}
	}
	select {
	case <-engine.Done():
		t.Fatal("the keeper has given up")
	default:
	}
}

// Whatever an engine that was taken over sends, the keeper goes on.
func FuzzKeeper(f *testing.F) {
	for op := byte(channel.FirstOp); op < 20; op++ {
		f.Add(op, []byte{1, 'x', 1, 'y'})
	}
	engine, k := takenOver(f)
	f.Fuzz(func(t *testing.T, op byte, b []byte) {
		if op == askEnd || op == askReload || op == askUpgrade || op < channel.FirstOp {
			return
		}
		engine.Ask(t.Context(), time.Minute, op, func(w *channel.Writer) { *w = append(*w, b...) }, nil, func(_ *channel.Reader, f *os.File) error {
			if f != nil {
				f.Close()
			}
			return nil
		})
		require.Empty(t, k.engines[0].hands.report())
	})
}
