package server_test

import (
	"context"
	stdtls "crypto/tls"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// witness notes which functions were given a context that names the session, and
// which were given one that does not.
type witness struct {
	mu            sync.Mutex
	named, missed map[string]bool
	last          server.SessionInfo
}

func (w *witness) see(ctx context.Context, what string) {
	info, ok := server.SessionFrom(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.named == nil {
		w.named, w.missed = make(map[string]bool), make(map[string]bool)
	}
	if w.named[what] = true; !ok || info.ID == "" {
		w.missed[what] = true
	}
	w.last = info
}

// askedFS has every method of a driver that takes a context.
type askedFS struct {
	driver.FS
	w *witness
}

func (f askedFS) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	f.w.see(ctx, "Stat")
	return f.FS.Stat(ctx, name)
}

func (f askedFS) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	f.w.see(ctx, "List")
	return f.FS.List(ctx, name)
}

func (f askedFS) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	f.w.see(ctx, "Open")
	return f.FS.Open(ctx, name, offset)
}

func (f askedFS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	f.w.see(ctx, "Store")
	return f.FS.Store(ctx, name, opts)
}

func (f askedFS) Mkdir(ctx context.Context, name string) error {
	f.w.see(ctx, "Mkdir")
	return f.FS.Mkdir(ctx, name)
}

func (f askedFS) Remove(ctx context.Context, name string) error {
	f.w.see(ctx, "Remove")
	return f.FS.Remove(ctx, name)
}

func (f askedFS) RemoveDir(ctx context.Context, name string) error {
	f.w.see(ctx, "RemoveDir")
	return f.FS.RemoveDir(ctx, name)
}

func (f askedFS) Rename(ctx context.Context, from, to string) error {
	f.w.see(ctx, "Rename")
	return f.FS.Rename(ctx, from, to)
}

func (f askedFS) SetTimes(ctx context.Context, name string, t driver.Times) error {
	f.w.see(ctx, "SetTimes")
	return nil
}

func (f askedFS) SetMode(ctx context.Context, name string, mode fs.FileMode) error {
	f.w.see(ctx, "SetMode")
	return nil
}

func (f askedFS) SetGroup(ctx context.Context, name, group string) error {
	f.w.see(ctx, "SetGroup")
	return nil
}

func (f askedFS) Symlink(ctx context.Context, target, name string) error {
	f.w.see(ctx, "Symlink")
	return nil
}

func (f askedFS) ReadLink(ctx context.Context, name string) (string, error) {
	f.w.see(ctx, "ReadLink")
	return "", fs.ErrInvalid
}

func (f askedFS) Space(ctx context.Context, name string) (int64, error) {
	f.w.see(ctx, "Space")
	return 1, nil
}

func (f askedFS) CheckStore(ctx context.Context, name string, opts driver.StoreOptions) error {
	f.w.see(ctx, "CheckStore")
	return nil
}

func (f askedFS) RemoveSame(ctx context.Context, name string, info fs.FileInfo) error {
	f.w.see(ctx, "RemoveSame")
	return f.FS.Remove(ctx, name)
}

func (f askedFS) Checksum(ctx context.Context, name, algorithm string, offset, length int64) ([]byte, error) {
	f.w.see(ctx, "Checksum")
	return []byte{1}, nil
}

// withContext returns the names of t's methods that take a context first.
func withContext(t reflect.Type) (names []string) {
	for i := range t.NumMethod() {
		if m := t.Method(i); m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context]() {
			names = append(names, m.Name)
		}
	}
	return names
}

// Every context that a driver or another function of the embedder's is given names
// the session.
func TestSessionFromEveryContext(t *testing.T) {
	w := new(witness)
	ids := make(chan string, 1)
	ts := start(t, symlinks, func(srv *server.Server) {
		wrapFiles(srv, func(files driver.FS) driver.FS { return askedFS{files, w} })
		intercept(func(ctx context.Context, l *driver.Login) {
			w.see(ctx, "Login")
			ids <- l.Session
		})(srv)
		srv.Passive = passive.Any()
		srv.Passive.Announce = passive.AnnounceFunc(func(ctx context.Context, _, local netip.Addr) (netip.Addr, error) {
			w.see(ctx, "Announce")
			return local, nil
		})
		srv.Intercept = &server.Intercept{
			Command: func(ctx context.Context, c server.Command, run func() server.Reply) server.Reply {
				w.see(ctx, "Intercept.Command")
				return run()
			},
			Data: func(ctx context.Context, _ server.Transfer, conn net.Conn) (net.Conn, error) {
				w.see(ctx, "Intercept.Data")
				return conn, nil
			},
		}
		srv.TLS = srv.TLS.Clone()
		cert := srv.TLS.Certificates[0]
		srv.TLS.GetCertificate = func(hello *stdtls.ClientHelloInfo) (*stdtls.Certificate, error) {
			w.see(hello.Context(), "TLS")
			return &cert, nil
		}
	})
	ts.writeFile(t, "a", "x")
	c := ts.login(t)
	require.Equal(t, <-ids, ts.Sessions()[0].ID)
	require.Equal(t, "x", c.get("RETR a"))
	c.get("LIST")
	c.get("MLSD")
	c.put("y", "STOR b")
	c.put("z", "APPE b")
	c.put("z", "STOU")
	c.cmd(257, "MKD d")
	c.cmd(250, "RMD d")
	c.cmd(350, "RNFR a")
	c.cmd(250, "RNTO c")
	c.cmd(213, "MFMT 20200101000000 c")
	c.cmd(200, "SITE CHMOD 644 c")
	c.cmd(200, "SITE CHGRP users c")
	c.cmd(200, "SITE SYMLINK c l")
	c.cmd(550, "RNFR nothing") // reads a link, which might lead nowhere
	c.cmd(213, "AVBL")
	c.cmd(213, "HASH c")
	c.cmd(250, "COMB all b c")
	c.cmd(250, "DELE all")
	c.cmd(213, "STAT .")
	c.cmd(250, "CWD .")
	c.cmd(221, "QUIT")
	c.end()

	want := append(withContext(reflect.TypeFor[askedFS]()), "Login", "Announce", "Intercept.Command", "Intercept.Data", "TLS")
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range want {
		require.True(t, w.named[name], "%s was not called", name)
	}
	require.Empty(t, w.missed)
	for _, ability := range []reflect.Type{
		reflect.TypeFor[driver.FS](), reflect.TypeFor[driver.TimeSetter](), reflect.TypeFor[driver.ModeSetter](), reflect.TypeFor[driver.GroupSetter](),
		reflect.TypeFor[driver.Symlinker](), reflect.TypeFor[driver.LinkReader](), reflect.TypeFor[driver.SpaceReporter](), reflect.TypeFor[driver.StoreChecker](),
		reflect.TypeFor[driver.SameRemover](), reflect.TypeFor[driver.Checksummer](),
	} {
		for i := range ability.NumMethod() {
			require.Contains(t, want, ability.Method(i).Name)
		}
	}
}

// SessionFrom returns a session that is over as it was at the end.
func TestSessionFromAfterTheEnd(t *testing.T) {
	given := make(chan context.Context, 1)
	ts := start(t, func(srv *server.Server) {
		users := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			given <- ctx
			return users.Login(ctx, l)
		})
	})
	c := ts.login(t)
	c.put("hello", "STOR a")
	c.cmd(221, "QUIT")
	c.end()
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
	info, ok := server.SessionFrom(<-given)
	require.True(t, ok)
	require.Equal(t, []any{testUser, int64(5), ""}, []any{info.User, info.Received, info.Doing})
}

// SessionFrom finds nothing in a context without a session.
func TestSessionFromNothing(t *testing.T) {
	_, ok := server.SessionFrom(t.Context())
	require.False(t, ok)
}

// Account.Value travels with the session until the logout, and hooks hear of each
// end of a login.
func TestValueAndLogout(t *testing.T) {
	j := new(journal)
	say := func(what string, i server.SessionInfo) {
		tenant, _ := i.Value.(string)
		j.add(what + " " + i.User + " " + tenant)
	}
	ts := start(t, func(srv *server.Server) {
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			if l.User == "mallory" {
				return nil, driver.ErrLogin
			}
			files := askedFS{driver.Mem(), new(witness)}
			context.AfterFunc(ctx, func() { j.add("released") })
			return &driver.Account{FS: files, Value: "tenant of " + l.User}, nil
		})
		srv.Hooks = &server.Hooks{
			Connect:    func(i server.SessionInfo) { say("connect", i) },
			Login:      func(l server.Login) { say("login", l.Session) },
			Logout:     func(i server.SessionInfo) { say("logout", i) },
			Disconnect: func(i server.SessionInfo, _ error) { say("disconnect", i) },
		}
	})
	c := ts.dial(t)
	c.cmd(530, "USER alice") // login needs TLS
	c.authTLS()
	c.login()
	c.protect()
	info := ts.Sessions()[0]
	require.Equal(t, "tenant of alice", info.Value)
	c.cmd(331, "USER bob")
	require.Nil(t, ts.Sessions()[0].Value)
	c.cmd(230, "PASS x")
	c.cmd(220, "REIN")
	c.cmd(331, "USER mallory")
	c.cmd(530, "PASS x")
	c.cmd(331, "USER carol")
	c.cmd(230, "PASS x")
	c.cmd(221, "QUIT")
	c.end()
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
	told := slices.DeleteFunc(j.all(), func(event string) bool { return event == "released" })
	require.Equal(t, []string{
		"connect  ", "login alice tenant of alice", "logout alice tenant of alice",
		"login bob tenant of bob", "logout bob tenant of bob", "login  ",
		"login carol tenant of carol", "logout carol tenant of carol", "disconnect carol tenant of carol",
	}, told)
	require.Len(t, j.all(), len(told)+3)
}

// AUTH after a login in clear ends that login (RFC 4217, section 4.2), and a client
// that vanishes logs out as well.
func TestLogoutByAuthAndEnd(t *testing.T) {
	j := new(journal)
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{Logout: func(i server.SessionInfo) { j.add(i.User) }}
	})
	c := ts.loginClear(t)
	c.authTLS()
	eventually(t, "the logout", func() bool { return len(j.all()) == 1 })
	c.login()
	require.Len(t, j.all(), 1)
	c.Conn.Close()
	eventually(t, "the second logout", func() bool { return len(j.all()) == 2 })
}

// A hook that panics at the logout ends the session, and Disconnect is still called.
func TestPanicInLogout(t *testing.T) {
	j := new(journal)
	ts := start(t, func(srv *server.Server) {
		srv.Hooks = &server.Hooks{
			Logout:     func(server.SessionInfo) { panic("logout") },
			Disconnect: func(_ server.SessionInfo, err error) { j.add("disconnect " + err.Error()) },
		}
	})
	c := ts.login(t)
	c.cmd(421, "USER bob")
	c.end()
	eventually(t, "the end", func() bool { return len(ts.Sessions()) == 0 })
	ts.login(t).Conn.Close()
	eventually(t, "the second end", func() bool { return len(j.all()) == 2 })
	require.Equal(t, []string{"disconnect server: panic in a driver or hook", "disconnect server: panic in a driver or hook"}, j.all())
}
