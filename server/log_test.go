package server_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/internal/test/testenv"
	"github.com/sallyport/sallyport/server"
)

// plainHandler writes what it gets and escapes nothing, as a program's own handler
// may. It would show a forged line.
type plainHandler struct{ out *testenv.Buffer }

func (plainHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h plainHandler) WithGroup(string) slog.Handler          { return h }
func (h plainHandler) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h plainHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "stack" {
			fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		}
		return true
	})
	_, err := fmt.Fprintln(h.out, b.String())
	return err
}

// Rows 32 and 39: whatever a name or an error holds, the log has one line of
// printable characters for it, and none with a password.
func TestLogCannotBeForged(t *testing.T) {
	out := new(testenv.Buffer)
	bad := &fs.PathError{Op: "remove", Path: "x\r\nforged \x1b[31m \u009b \u2028 \x9b", Err: fs.ErrClosed}
	ts := start(t, insecure, func(srv *server.Server) {
		good := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			account, err := good.Login(ctx, l)
			if err != nil {
				return nil, fmt.Errorf("no user %s: %w", l.User, err)
			}
			account.FS = faulty(account.FS, "Remove", drivertest.Fail(bad))
			return account, nil
		})
		srv.Logger = slog.New(plainHandler{out})
		srv.Hooks = &server.Hooks{Command: func(c server.Command) { fmt.Fprintln(out, c.Line) }}
	})
	c := ts.dial(t)
	c.cmd(331, "USER x\x9by\x1b[31m\u009b")
	c.cmd(530, "PASS swordfish\x1b")
	c.cmd(220, "HOST \x1b\u009b.example")
	c.cmd(200, "CLNT \x1b\u009b\u2028\x9b")
	c.login()
	for _, name := range []string{"a\x1b[2Jb", "a\u009bb", "a\u2028b", "a\u202eb", "a\x7fb", "a\x08b", "a\x9bb"} {
		c.send("DELE %s", name)
		c.expect(451, 501)
		c.send("RETR %s", name)
		c.expect(550, 425, 501)
		c.send("MKD %s", name)
		c.expect(257, 501)
		data := c.dataTCP(c.pasv())
		c.send("STOR %s", name)
		if c.expect(150, 501, 550).Code == 150 {
			data.Close()
			c.expect(226, 550)
		}
		data.Close()
	}
	c.cmd(221, "QUIT")
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
	require.Contains(t, out.String(), "USER x")
	require.NotContains(t, out.String(), "swordfish")
	require.NotContains(t, out.String(), testPassword)
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		require.NotRegexp(t, "^forged", line)
		require.False(t, strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }), "%q", line)
	}
}
