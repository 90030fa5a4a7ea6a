package main

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
	"github.com/sallyport/sallyport/internal/wire"
)

// All means of this kernel confine all parts but the keeper, status reports that, and active mode still
// works.
func TestSplitSandbox(t *testing.T) {
	kernel := sandbox.Look()
	for _, how := range []string{sandboxBestEffort, sandboxOff} {
		s := startSplit(t, "active = true\nsandbox = \""+how+"\"", 3)
		c := s.mustDial(t, "alice")
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer ln.Close()
		_, err = c.Cmd(200, "PORT "+wire.FormatPort(netip.MustParseAddrPort(ln.Addr().String())))
		require.NoError(t, err)
		require.NoError(t, c.Send("STOR active"))
		data, err := ln.Accept()
		require.NoError(t, err, "the engine connects to its client")
		data.Close()

		out, code := s.ask(t, nil, "status")
		require.Zero(t, code)
		for name, p := range s.processes(t) {
			switch {
			case name == "keeper":
				require.Nil(t, p.Sandbox)
				require.Equal(t, "0", of(t, p.PID, "NoNewPrivs"))
			case how == sandboxOff:
				require.Nil(t, p.Sandbox)
				require.Equal(t, "0", of(t, p.PID, "Seccomp"), name)
			case kernel.Seccomp:
				require.Equal(t, &kernel, p.Sandbox)
				require.Equal(t, "1", of(t, p.PID, "NoNewPrivs"), name)
				require.Equal(t, "2", of(t, p.PID, "Seccomp"), name)
			}
		}
		want := map[string]string{sandboxOff: "not confined", sandboxBestEffort: kernel.String()}[how]
		require.Equal(t, 4, strings.Count(out, "("+want+")"), out)
	}
}

// What a kernel lacks is reported. If a sandbox is required, that is an error with the cure.
func TestSandboxLacks(t *testing.T) {
	old, debian, new := sandbox.Kernel{}, sandbox.Kernel{Landlock: 2, Seccomp: true}, sandbox.Kernel{Landlock: 6, Seccomp: true}
	for _, k := range []sandbox.Kernel{old, debian, new} {
		require.NoError(t, lacking(sandboxBestEffort, k))
		require.NoError(t, lacking(sandboxOff, k))
	}
	require.NoError(t, lacking(sandboxRequired, debian))
	err := lacking(sandboxRequired, old)
	require.ErrorContains(t, err, "this kernel lacks Landlock (Linux 5.19 or newer, ")
	require.ErrorContains(t, err, "and seccomp filters (CONFIG_SECCOMP_FILTER, ")
	require.ErrorContains(t, lacking(sandboxRequired, sandbox.Kernel{Landlock: 7}), "lacks seccomp")
	require.Equal(t, "no Landlock, no seccomp", old.String())
	require.Equal(t, "Landlock 2, seccomp", debian.String())

	log := func(how string, k sandbox.Kernel) string {
		var b bytes.Buffer
		tellLacks(slog.New(slog.NewTextHandler(io.Writer(&b), nil)), how, k)
		return b.String()
	}
	require.Contains(t, log(sandboxBestEffort, old), `level=WARN msg="this kernel can't confine the processes as it should" lacks="Landlock`)
	require.Contains(t, log(sandboxBestEffort, debian), `level=INFO msg="a newer kernel would confine the processes twice over" lacks="shortening of files (Linux 6.2), ports of TCP`)
	require.Empty(t, log(sandboxBestEffort, new))
	require.Empty(t, log(sandboxOff, old))
}
