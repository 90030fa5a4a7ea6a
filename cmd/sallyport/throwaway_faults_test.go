package main

import (
	"crypto/x509"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// big is longer than any fault lets through.
var big = strings.Repeat("a line of 20 letters\n", 1000)

// misbehaves has, for the example of each kind of fault, a check of what a
// client sees.
var misbehaves = map[ftpstest.Kind]func(*testing.T, *tested){
	ftpstest.Cut: func(t *testing.T, p *tested) {
		c := p.login(t)
		p.wantGet(t, c)
		_, err := c.Get("RETR big")
		require.Error(t, err)
	},
	ftpstest.NoNotify: func(t *testing.T, p *tested) {
		c := p.login(t)
		data, err := c.Open("LIST")
		require.NoError(t, err)
		defer data.Close()
		_, err = io.Copy(io.Discard, data)
		require.NoError(t, err)
		require.True(t, ftpclient.Truncated(data))
		require.NoError(t, c.Done())
	},
	ftpstest.Stall: func(t *testing.T, p *tested) {
		c := p.login(t)
		data, err := c.Open("RETR big")
		require.NoError(t, err)
		defer data.Close()
		_, err = io.CopyN(io.Discard, data, 4096)
		require.NoError(t, err)
		require.Empty(t, p.order(t, "clear"))
		rest, err := io.ReadAll(data)
		require.NoError(t, err)
		require.Len(t, rest, len(big)-4096)
		require.NoError(t, c.Done())
	},
	ftpstest.Slow: func(t *testing.T, p *tested) { p.wantGet(t, p.login(t)) },
	ftpstest.Full: func(t *testing.T, p *tested) {
		require.ErrorContains(t, p.login(t).Put("STOR new", big), "552")
		_, err := os.Stat(filepath.Join(p.Root, "new"))
		require.ErrorIs(t, err, os.ErrNotExist)
	},
	ftpstest.Drop: func(t *testing.T, p *tested) {
		c := p.login(t)
		require.Error(t, c.Put("STOR new", big))
		_, err := c.Cmd(200, "NOOP")
		require.Error(t, err)
	},
	ftpstest.Reply: func(t *testing.T, p *tested) {
		_, err := ftpclient.Dial(p.addr(p.Port), false, p.trust(), p.User, p.Password)
		require.ErrorContains(t, err, "530")
		p.login(t)
	},
	ftpstest.Mute: func(t *testing.T, p *tested) {
		c := p.login(t)
		data, err := c.Open("STOR new")
		require.NoError(t, err)
		_, err = io.WriteString(data, big)
		require.NoError(t, err)
		require.NoError(t, data.Close())
		require.Empty(t, p.order(t, "clear"))
		require.NoError(t, c.Done())
	},
	ftpstest.Shutdown: func(t *testing.T, p *tested) {
		c := p.login(t)
		for range 3 {
			p.wantGet(t, c)
		}
		for err := error(nil); err == nil; { // until the shutdown begins
			_, err = c.Cmd(200, "NOOP")
		}
	},
	ftpstest.Announce: func(t *testing.T, p *tested) {
		r, err := p.login(t).Cmd(227, "PASV")
		require.NoError(t, err)
		require.Contains(t, r.Text(), "(10,0,0,5,")
	},
	ftpstest.Reuse: func(t *testing.T, p *tested) {
		config := p.trust()
		config.ClientSessionCache = nil
		c, err := ftpclient.Dial(p.addr(p.Port), false, config, p.User, p.Password)
		require.NoError(t, err)
		defer c.Close()
		require.ErrorContains(t, c.Put("STOR new", ""), "522")
		p.wantGet(t, p.login(t))
	},
	ftpstest.Certificate: func(t *testing.T, p *tested) {
		_, err := ftpclient.Dial(p.addr(p.Port), false, p.trust(), p.User, p.Password)
		require.ErrorAs(t, err, new(x509.HostnameError))
	},
}

func (p *tested) wantGet(t *testing.T, c *ftpclient.Client) {
	t.Helper()
	got, err := c.Get("RETR big")
	require.NoError(t, err)
	require.Equal(t, big, got)
}

// Each kind's example is accepted as an option, and does what it says.
func TestEndpointFaults(t *testing.T) {
	seed := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(seed, "big"), []byte(big), 0o644))
	for _, k := range ftpstest.Kinds() {
		t.Run(string(k.Kind), func(t *testing.T) {
			require.Contains(t, misbehaves, k.Kind)
			p := startTest(t, "--seed", seed, "--trace", "--fault", k.Example)
			misbehaves[k.Kind](t, p)
			require.NoError(t, p.stdin.Close())
			p.wantGone(t)
		})
	}
}

func TestEndpointFaultsAtOnce(t *testing.T) {
	p := startTest(t, "--fault", "reply:to=NOOP,code=450", "--fault", "reply:to=STAT,code=451,text=\"a, b\"")
	c := p.login(t)
	for line, code := range map[string]int{"NOOP": 450, "STAT": 451} {
		_, err := c.Cmd(code, line)
		require.NoError(t, err)
	}
}

// Faults can be set and cleared while the server runs, and mistakes don't end
// it.
func TestEndpointObeys(t *testing.T) {
	p := startTest(t)
	c := p.login(t)
	for range 2 {
		require.Empty(t, p.order(t, "reply:to=NOOP,code=450"))
		_, err := c.Cmd(450, "NOOP")
		require.NoError(t, err)
		require.Empty(t, p.order(t, " clear\r"))
		_, err = c.Cmd(200, "NOOP")
		require.NoError(t, err)
	}
	require.Contains(t, p.order(t, "reply:to=?"), "want verbs such as RETR")
	require.Contains(t, p.order(t, "# hello"), `unknown fault "# hello"`)
	require.NoError(t, p.stdin.Close())
	p.wantGone(t)
}
