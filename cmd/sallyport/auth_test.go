package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/loginwait"
	"github.com/sallyport/sallyport/internal/loglimit"
)

// fakeSource answers every attempt alike.
type fakeSource struct {
	says  decision
	err   error
	asked int
}

func (f *fakeSource) name() string { return "the fake" }

func (f *fakeSource) ask(context.Context, *attempt) (*account, decision, error) {
	f.asked++
	return &account{ReadOnly: true}, f.says, f.err
}

// sources returns a chain of fakes, behind the local user alice with the password secret.
func sources(fakes ...*fakeSource) *chain {
	c := &chain{settings: defaults(), open: inMemory, told: map[string]*loglimit.Share{}, local: newLocalUsers(map[string]account{"alice": {Password: hash}}, passhash.NewChecker().Check)}
	c.sources = append(c.sources, c.local)
	for _, f := range fakes {
		c.sources = append(c.sources, f)
	}
	return c
}

// The first source that knows a name decides. A source that can't tell ends the session, whatever later ones would
// say.
func TestChain(t *testing.T) {
	for _, c := range []struct {
		user, password string
		first, second  fakeSource
		asked          [2]int
		want           string // empty if the login is accepted
	}{
		{"alice", "secret", fakeSource{}, fakeSource{}, [2]int{0, 0}, ""},
		{"alice", "wrong", fakeSource{says: accepted}, fakeSource{says: accepted}, [2]int{0, 0}, "the configuration refuses: driver: login incorrect"},
		{"bob", "secret", fakeSource{}, fakeSource{says: accepted}, [2]int{1, 1}, ""},
		{"bob", "secret", fakeSource{says: accepted}, fakeSource{says: refused}, [2]int{1, 0}, ""},
		{"bob", "secret", fakeSource{says: refused}, fakeSource{says: accepted}, [2]int{1, 0}, "the fake refuses: driver: login incorrect"},
		{"bob", "secret", fakeSource{}, fakeSource{}, [2]int{1, 1}, "nobody has the name: driver: login incorrect"},
		{"bob", "secret", fakeSource{err: errors.New("it is\ndown"), says: accepted}, fakeSource{says: accepted}, [2]int{1, 0}, "421 Logins can't be checked just now; try again later."},
	} {
		var log bytes.Buffer
		chain := sources(&c.first, &c.second)
		chain.log = slog.New(slog.NewTextHandler(&log, nil))
		account, err := chain.Login(t.Context(), &driver.Login{Session: "s", User: c.user, Password: c.password})
		require.Equal(t, c.first.err != nil, strings.Contains(log.String(), `source="the fake" session=s user=bob err=`), log.String())
		require.Equal(t, c.asked, [2]int{c.first.asked, c.second.asked}, c)
		if c.want == "" {
			require.NoError(t, err)
			require.NotNil(t, account.FS)
			continue
		}
		require.EqualError(t, err, c.want)
		require.Equal(t, !strings.HasPrefix(c.want, "421"), errors.Is(err, driver.ErrLogin))
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := sources(&fakeSource{err: context.Canceled}).Login(gone, &driver.Login{User: "bob", Password: "x"})
	require.Equal(t, context.Canceled, err, "a client that is gone says nothing of a source")
}

// A login costs one comparison with a hash, even for an unknown name and for a user without a password. A login that
// another source decides costs none.
func TestComparisons(t *testing.T) {
	fake := &fakeSource{}
	c := sources(fake)
	var compared []string
	c.local = newLocalUsers(map[string]account{"alice": {Password: hash}, "bob": {Password: "another"}, "robot": {Certificate: true}},
		func(_ context.Context, hash, password string) (bool, error) {
			compared = append(compared, hash+" "+password)
			return false, nil
		})
	c.sources[0] = c.local
	for name, want := range map[string]string{"alice": hash, "bob": "another", "robot": hash, "nobody": hash} {
		_, err := c.Login(t.Context(), &driver.Login{User: name, Password: "x"})
		require.ErrorIs(t, err, driver.ErrLogin)
		require.Equal(t, []string{want + " x"}, compared, name)
		compared = nil
	}
	fake.says = refused
	_, err := c.Login(t.Context(), &driver.Login{User: "nobody", Password: "x"})
	require.ErrorIs(t, err, driver.ErrLogin)
	require.Empty(t, compared)
}

// Comparisons may be another process's work, which may be gone: then the source is down.
func TestComparisonIsDown(t *testing.T) {
	c := sources()
	c.log = slog.New(slog.DiscardHandler)
	c.local = newLocalUsers(map[string]account{"alice": {Password: hash}}, func(context.Context, string, string) (bool, error) { return false, errors.New("gone") })
	c.sources[0] = c.local
	for _, name := range []string{"alice", "nobody"} {
		_, err := c.Login(t.Context(), &driver.Login{User: name, Password: "x"})
		require.EqualError(t, err, "421 Logins can't be checked just now; try again later.")
	}
}

// A certificate logs in the user that it names, if the user's table says so. Other users are asked for a password.
func TestCertificateLogin(t *testing.T) {
	users := newLocalUsers(map[string]account{"robot": {Certificate: true}, "both": {Certificate: true, Password: hash}, "alice": {Password: hash}}, passhash.NewChecker().Check)
	c := &chain{settings: defaults(), open: inMemory, local: users, sources: []userSource{users, &anonymousUser{}, &authProgram{}, &authURL{}}}
	cert := func(name string) *x509.Certificate { return &x509.Certificate{Subject: pkix.Name{CommonName: name}} }
	for _, l := range []struct {
		user, password string
		cert           *x509.Certificate
		want           error
	}{
		{"robot", "", cert("robot"), nil},
		{"both", "", cert("both"), nil},
		{"both", "secret", nil, nil},
		{"both", "secret", cert("alice"), nil},
		{"both", "", cert("alice"), driver.ErrNeedPassword},
		{"robot", "", cert("alice"), driver.ErrNeedPassword},
		{"robot", "", cert(""), driver.ErrNeedPassword},
		{"robot", "", nil, driver.ErrLogin},
		{"robot", "x", nil, driver.ErrLogin},
		{"robot", "x", cert("alice"), driver.ErrLogin},
		{"alice", "", cert("alice"), driver.ErrNeedPassword},
		{"anonymous", "", cert("alice"), driver.ErrNeedPassword},
		{"nobody", "", cert("nobody"), driver.ErrNeedPassword},
		{"nobody", "", nil, driver.ErrLogin},
	} {
		_, err := c.Login(t.Context(), &driver.Login{User: l.user, Password: l.password, Certificate: l.cert})
		if l.want == nil {
			require.NoError(t, err, l)
		} else {
			require.ErrorIs(t, err, l.want, l)
		}
	}
}

// The account that a source returns has no hash.
func TestNoHashLeavesASource(t *testing.T) {
	a, says, err := newLocalUsers(map[string]account{"alice": {Password: hash}}, passhash.NewChecker().Check).ask(t.Context(), &attempt{User: "alice", Password: "secret"})
	require.NoError(t, err)
	require.Equal(t, accepted, says)
	require.Empty(t, a.Password)
}

// Anonymous users can change nothing, unless the table [anonymous] itself, and not a group, says so.
func TestAnonymousTable(t *testing.T) {
	read := func(more string) *account {
		s, err := load("serve", []string{"--config", configure(t, "client-ca = \"x\"\n[group.g]\nread-only = false\nsessions = 3\nrequire-certificate = true\n[anonymous]\nhome = \"/srv/{user}\"\n"+more)}, nil)
		require.NoError(t, err)
		require.Empty(t, s.names())
		require.False(t, s.nobody())
		return s.anonymous
	}
	require.True(t, read("").ReadOnly)
	a := read(`group = "g"`)
	require.True(t, a.ReadOnly)
	require.Equal(t, 3, a.Sessions)
	require.False(t, a.RequireCert)
	require.Equal(t, "/srv/anonymous", a.Home)
	require.False(t, read("read-only = false").ReadOnly)
}

// answering returns an endpoint, and the poster that asks it.
func answering(t *testing.T, handler http.HandlerFunc) (*authURL, *poster) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s, err := load("serve", []string{"DIR", "--config", configure(t, "[group.staff]\nhome = \"/srv/{user}\"\n"), "--auth-url", server.URL + "/login?key=hidden"}, nil)
	require.NoError(t, err)
	p := newPoster()
	t.Cleanup(p.client.CloseIdleConnections)
	return s.newAuthURL(p.post), p
}

// The status of an endpoint decides. Any answer that it may not give means that it is down.
func TestAuthURL(t *testing.T) {
	huge := `{"home": "/` + strings.Repeat("x", maxAnswer) + `"}`
	for _, c := range []struct {
		status int
		body   string
		says   decision
		want   string
	}{
		{200, `{}`, accepted, ""},
		{200, `{"group": "staff", "sessions": 2}`, accepted, ""},
		{401, "", refused, ""},
		{403, huge, refused, ""},
		{404, "", notMine, ""},
		{200, ``, refused, "its answer:1:1: want a JSON object such as {\"home\": \"/srv/ftp\"}: it ends too early"},
		{200, `{"hom": "/"}`, refused, "its answer:1:2: user.pat.hom: this is not known; did you mean home?"},
		{200, `{"home": 1, "nothing": 2}`, refused, "its answer:1:2: user.pat.home: want a text in quotes, not 1\nits answer:1:13: user.pat.nothing: this is not known"},
		{200, `{"group": "stuff"}`, refused, "its answer:1:2: user.pat.group: there is no group \"stuff\"; did you mean staff?"},
		{200, `{"disable": ["DELLE"]}`, refused, "its answer:1:2: user.pat.disable: \"DELLE\" is no command"},
		{200, `{"password": "` + hash + `", "certificate-login": true}`, refused, "user.pat.password: who answers has decided already; leave it out"},
		{200, huge, refused, "its answer is longer than 32 KiB"},
		{200, `{"` + strings.Repeat("x", 5000) + `": 1}`, refused, " ..."},
		{500, `{}`, refused, "it answers with status 500; want 200, 401, 403 or 404"},
		{204, ``, refused, "status 204"},
		{302, `{}`, refused, "status 302"},
	} {
		asked := 0
		u, _ := answering(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		})
		a, says, err := u.ask(t.Context(), &attempt{User: "pat", Password: "secret"})
		require.Equal(t, 1, asked, "%d %.50s", c.status, c.body)
		require.Equal(t, c.says, says, "%d %.50s", c.status, c.body)
		if c.want != "" {
			require.ErrorContains(t, err, c.want)
			require.Less(t, len(err.Error()), 1100)
			continue
		}
		require.NoError(t, err)
		if strings.Contains(c.body, "staff") {
			require.Equal(t, "/srv/pat", a.Home)
		}
	}
}

// A source that hangs is asked a bounded number of times at once. Further logins hear that it is down.
func TestAuthURLIsBusy(t *testing.T) {
	release, begun := make(chan struct{}), make(chan struct{})
	u, _ := answering(t, func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-release
		io.WriteString(w, "{}")
	})
	ended := make(chan error)
	for n := range cap(u.places) {
		go func() {
			_, _, err := u.ask(t.Context(), &attempt{User: fmt.Sprint(n), Password: "secret"})
			ended <- err
		}()
		<-begun
	}
	_, _, err := u.ask(t.Context(), &attempt{User: "pat", Password: "secret"})
	require.Equal(t, errManyAsked, err)
	close(release)
	for range cap(u.places) {
		require.NoError(t, <-ended)
	}
	_, says, err := u.ask(t.Context(), &attempt{User: "0", Password: "secret"})
	require.NoError(t, err)
	require.Equal(t, accepted, says)
}

// An endpoint gets the attempt as JSON, and is not asked about names that could mislead it.
func TestAuthURLIsTold(t *testing.T) {
	var got []string
	u, _ := answering(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.String()+" "+r.Header.Get("Content-Type")+" "+string(body))
		w.WriteHeader(403)
	})
	l := &driver.Login{User: "pät", Password: "a \"b\"", Peer: netip.MustParseAddrPort("[::ffff:192.0.2.1]:5000"), Local: netip.MustParseAddrPort("[2001:db8::1]:21"),
		Host: "ftp.example.com", Secure: true, Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "pat"}}}
	_, _, err := u.ask(t.Context(), newAttempt(l))
	require.NoError(t, err)
	require.Equal(t, []string{`POST /login?key=hidden application/json {"user":"pät","password":"a \"b\"","peer":"192.0.2.1","local":"2001:db8::1","host":"ftp.example.com","secure":true,"certificate":"pat"}`}, got)
	for _, at := range []attempt{{User: "a\nb", Password: "x"}, {User: "a:b", Password: "x"}, {User: "\xff", Password: "x"}, {User: "a", Password: "\xff"}, {User: "a", Password: "x\x00"}, {User: "a"}} {
		for _, s := range []userSource{u, &authProgram{argv: []string{"/does/not/exist"}}} {
			_, says, err := s.ask(t.Context(), &at)
			require.NoError(t, err)
			require.Equal(t, notMine, says)
		}
	}
	require.Len(t, got, 1)
}

// An endpoint that is gone or silent is down, and the error doesn't hold the key in the URL.
func TestAuthURLIsDown(t *testing.T) {
	release := make(chan struct{})
	u, p := answering(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-release
	})
	p.patience = 50 * time.Millisecond
	_, _, err := u.ask(t.Context(), &attempt{User: "pat", Password: "secret"})
	require.Equal(t, errSlow, err)
	close(release)
	u.url = "http://127.0.0.1:1/login?key=hidden"
	_, _, err = u.ask(t.Context(), &attempt{User: "pat", Password: "secret"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hidden")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = u.ask(gone, &attempt{User: "pat", Password: "secret"})
	require.ErrorIs(t, err, context.Canceled)
}

// An attempt that was accepted is remembered for a minute, for the same password only.
func TestAuthURLRemembers(t *testing.T) {
	asked := map[string]int{}
	u, _ := answering(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked[string(body)]++
		if strings.Contains(string(body), "wrong") {
			w.WriteHeader(403)
		}
		io.WriteString(w, `{"sessions": 2}`)
	})
	for range 3 {
		for _, password := range []string{"secret", "other", "wrong"} {
			a, says, err := u.ask(t.Context(), &attempt{User: "pat", Password: password})
			require.NoError(t, err)
			if password == "wrong" {
				require.Equal(t, refused, says)
				continue
			}
			require.Equal(t, accepted, says)
			require.Equal(t, 2, a.Sessions)
			a.Sessions = 7 // changes the caller's copy only
		}
	}
	require.Len(t, asked, 3)
	for question, n := range asked {
		require.Equal(t, map[bool]int{true: 3, false: 1}[strings.Contains(question, "wrong")], n, question)
	}
	for key := range u.remembered {
		require.NotContains(t, string(key[:]), "secret")
	}
	require.NotEqual(t, u.key([]byte("a")), u.key([]byte("b")))
	other, _ := answering(t, nil)
	require.NotEqual(t, u.key([]byte("a")), other.key([]byte("a")), "the name of an attempt is this server's")
}

// The answers that are remembered are bounded in number and time.
func TestAuthURLForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := defaults().newAuthURL(nil)
		key := func(n int) (k [32]byte) { k[0], k[1] = byte(n), byte(n>>8); return k }
		u.remember(key(0), account{Sessions: 1}, time.Now())
		time.Sleep(rememberedFor - time.Nanosecond)
		require.NotNil(t, u.recall(key(0), time.Now()))
		u.remember(key(1), account{}, time.Now())
		time.Sleep(time.Nanosecond)
		require.Nil(t, u.recall(key(0), time.Now()))
		for n := range maxRemembered - 1 {
			u.remember(key(n+1), account{}, time.Now())
		}
		require.Len(t, u.remembered, maxRemembered)
		require.NotNil(t, u.recall(key(1), time.Now()))
		u.remember(key(2000), account{}, time.Now())
		require.Len(t, u.remembered, maxRemembered, "what is over goes first")
		u.remember(key(2001), account{}, time.Now())
		require.Len(t, u.remembered, 1)
	})
}

// While a source hangs, logins that wait for it give their place to others at once; the first of them does so after a
// while. Only a few logins are asked about.
func TestSourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newQuestions(mostAsked)
		var mu sync.Mutex
		var waits []time.Duration
		begin := func() func() {
			began := time.Now()
			end, err := s.begin(loginwait.With(t.Context(), func() {
				mu.Lock()
				defer mu.Unlock()
				waits = append(waits, time.Since(began))
			}))
			require.NoError(t, err)
			return end
		}
		told := func() (all []time.Duration) {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			all, waits = waits, nil
			return all
		}
		begin()()
		require.Empty(t, told(), "it answers at once")
		first := begin()
		time.Sleep(time.Minute)
		require.Equal(t, []time.Duration{slowAnswer}, told())
		second := begin()
		require.Equal(t, []time.Duration{0}, told())
		var more []func()
		for range mostAsked*mostLogins() - 2 {
			more = append(more, begin())
		}
		_, err := s.begin(t.Context())
		require.ErrorIs(t, err, errManyAsked)
		time.Sleep(time.Minute)
		for _, end := range append(more, first, second) {
			end()
		}
		told()
		begin()() // ends the hang: this answer comes at once
		require.Equal(t, []time.Duration{0}, told())
		begin()()
		time.Sleep(time.Minute)
		require.Empty(t, told())
	})
}

// Logins and refusals take as long as the options say, and a client that hangs up waits no longer.
func TestLoginDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := defaults()
		s.loginDelay, s.failedLoginDelay = 2*time.Second, 5*time.Second
		c := &chain{settings: s, open: inMemory, told: map[string]*loglimit.Share{}, local: newLocalUsers(nil, passhash.NewChecker().Check),
			sources: []userSource{&anonymousUser{refused: userList{"no": true}}}}
		for password, want := range map[string]time.Duration{"yes": s.loginDelay, "no": s.failedLoginDelay} {
			start := time.Now()
			_, err := c.Login(t.Context(), &driver.Login{User: "ftp", Password: password})
			require.Equal(t, password == "no", errors.Is(err, driver.ErrLogin))
			require.Equal(t, want, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := c.Login(ctx, &driver.Login{User: "ftp", Password: "no"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start))
	})
}
