package s3

import (
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// A file that is stored over a source while COMB runs stays, even if it is as
// large as the source and of the same second.
func TestCombSourceReplaced(t *testing.T) {
	f := newFS(t)
	var once atomic.Bool
	// Replace the source when the target is asked for the last time, since the
	// source has been read by then.
	meddling := f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/whole") && once.CompareAndSwap(false, true) {
			f.object(t, "1", "new 1")
		}
		return next.RoundTrip(r)
	})
	srv := ftpstest.Config{FS: meddling}.Start(t)
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.NoError(t, err)
	defer c.Close()
	beginSecond()
	f.object(t, "1", "old 1")
	f.object(t, "2", "old 2")
	r, err := c.Cmd(250, "COMB whole 1 2")
	require.NoError(t, err)
	require.Contains(t, r.Text(), "1 of the sources could not be removed")
	require.Equal(t, "old 1old 2", string(f.read(t, "whole", 0)))
	require.Equal(t, "new 1", string(f.read(t, "1", 0)))
	require.Equal(t, []string{"1", "whole"}, f.keys(t))
}

// beginSecond waits for the next second of the clock, so that what follows soon
// happens within one second, which is all that a description tells of the time.
func beginSecond() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
}

// Whenever a file is replaced, RemoveSame leaves the new one. The description may
// come by way of wrappers.
func TestRemoveSameReplaced(t *testing.T) {
	f := newFS(t)
	for _, when := range []string{"before", http.MethodHead, http.MethodDelete} {
		t.Run(when, func(t *testing.T) {
			var once atomic.Bool
			meddling := f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if r.Method == when && once.CompareAndSwap(false, true) {
					f.object(t, "a", "new")
				}
				return next.RoundTrip(r)
			})
			mount, err := driver.Mount(map[string]driver.FS{"in": meddling})
			require.NoError(t, err)
			beginSecond()
			f.object(t, "a", "old")
			direct, err := f.Stat(t.Context(), "a")
			require.NoError(t, err)
			once.Store(true)
			mounted, err := mount.Stat(t.Context(), "in/a")
			require.NoError(t, err)
			once.Store(false)
			if when == "before" {
				f.object(t, "a", "new")
			}
			require.ErrorIs(t, mount.RemoveSame(t.Context(), "in/a", mounted), driver.ErrChanged)
			require.ErrorIs(t, f.RemoveSame(t.Context(), "a", direct), driver.ErrChanged)
			require.Equal(t, "new", string(f.read(t, "a", 0)))
		})
	}
}

// The request with the condition may fail late, or fail though the store has
// removed the object. The request without one must then not remove another file.
func TestRemoveSameFails(t *testing.T) {
	f := newFS(t)
	for name, done := range map[string]bool{"not done": false, "done": true} {
		t.Run(name, func(t *testing.T) {
			var once atomic.Bool
			failing := f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if r.Header.Get("If-Match") == "" || r.Method != http.MethodDelete || !once.CompareAndSwap(false, true) {
					return next.RoundTrip(r)
				}
				if done {
					answer, err := next.RoundTrip(r)
					require.NoError(t, err)
					answer.Body.Close()
				}
				f.object(t, "a", "new")
				return nil, errCut
			})
			f.object(t, "a", "old")
			info, err := f.Stat(t.Context(), "a")
			require.NoError(t, err)
			require.ErrorIs(t, failing.RemoveSame(t.Context(), "a", info), driver.ErrChanged)
			require.Equal(t, "new", string(f.read(t, "a", 0)))
		})
	}
}

// A store that knows no condition removes what is the same.
func TestRemoveSameWithoutConditions(t *testing.T) {
	f := newFS(t)
	f.object(t, "a", "x")
	info, err := f.Stat(t.Context(), "a")
	require.NoError(t, err)
	var asked atomic.Bool
	refusing := f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if r.Method == http.MethodDelete && r.Header.Get("If-Match") != "" {
			asked.Store(true)
			return &http.Response{StatusCode: http.StatusNotImplemented, Status: "501 Not Implemented", Body: http.NoBody}, nil
		}
		return next.RoundTrip(r)
	})
	require.NoError(t, refusing.RemoveSame(t.Context(), "a", info))
	require.True(t, asked.Load())
	require.Empty(t, f.keys(t))
	require.ErrorIs(t, refusing.RemoveSame(t.Context(), "a", info), fs.ErrNotExist)
}

// Descriptions tell files apart by their content and by their names: COMB joins
// two files of the same content.
func TestIDs(t *testing.T) {
	f := newFS(t)
	id := func(key, content string) string {
		f.object(t, key, content)
		info, err := f.Stat(t.Context(), key)
		require.NoError(t, err)
		return info.(driver.FileID).ID()
	}
	a := id("a", "x")
	require.NotEmpty(t, a)
	require.Equal(t, a, id("a", "x"))
	require.NotEqual(t, a, id("b", "x"))
	require.NotEqual(t, a, id("a", "y"))
	f.object(t, "d/", "")
	dir, err := f.Stat(t.Context(), "d")
	require.NoError(t, err)
	require.Empty(t, dir.(driver.FileID).ID())
}
