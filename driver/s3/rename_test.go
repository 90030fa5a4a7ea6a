package s3

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// An object that the store can't copy at once is copied in parts.
func TestRenameBig(t *testing.T) {
	f := newFS(t, "--copy-object-threshold", fmt.Sprint(6<<20))
	data := noise(4 * minPartSize)
	require.NoError(t, f.store(t.Context(), "a", data, driver.StoreOptions{}))
	require.Error(t, f.Rename(t.Context(), "a", "b"), "the server has no limit")
	require.Equal(t, []string{"a"}, f.keys(t))
	f.copyLimit = 6 << 20
	require.NoError(t, f.Rename(t.Context(), "a", "b"))
	require.Equal(t, []string{"b"}, f.keys(t))
	require.True(t, bytes.Equal(data, f.read(t, "b", 0)))
	require.Zero(t, f.unfinished(t))
}

// A renamed object keeps its content type and its other metadata.
func TestRenameKeepsType(t *testing.T) {
	f := newFS(t)
	_, err := f.Client.PutObject(t.Context(), bucket, "a", strings.NewReader("x"), 1,
		minio.PutObjectOptions{ContentType: "text/csv", UserMetadata: map[string]string{"Partner": "acme"}})
	require.NoError(t, err)
	require.NoError(t, f.Rename(t.Context(), "a", "b"))
	o, err := f.Client.StatObject(t.Context(), bucket, "b", minio.StatObjectOptions{})
	require.NoError(t, err)
	require.Equal(t, "text/csv", o.ContentType)
	require.Equal(t, "acme", o.UserMetadata["Partner"])
}

func TestMaxRename(t *testing.T) {
	f := newFS(t)
	require.NoError(t, f.Mkdir(t.Context(), "d"))
	for i := range 3 {
		f.object(t, fmt.Sprint("d/", i), "x")
	}
	for limit, text := range map[int]string{
		3:  "Object storage cannot rename a directory with more than 3 files in it.",
		-1: "Object storage cannot rename a directory.",
	} {
		f.MaxRename = limit
		err := f.Rename(t.Context(), "d", "e")
		require.ErrorIs(t, err, errors.ErrUnsupported)
		var own *driver.Error
		require.ErrorAs(t, err, &own)
		require.Equal(t, text, own.Text)
	}
	require.Equal(t, []string{"d/", "d/0", "d/1", "d/2"}, f.keys(t))
	f.MaxRename = 4
	require.NoError(t, f.Rename(t.Context(), "d", "e"))
	require.Equal(t, []string{"e/", "e/0", "e/1", "e/2"}, f.keys(t))
}

// When a copy fails, a directory is where it was and nowhere else.
func TestRenameDirFails(t *testing.T) {
	f := newFS(t)
	require.NoError(t, f.Mkdir(t.Context(), "d"))
	for i := range 20 {
		f.object(t, fmt.Sprintf("d/%02d", i), "x")
	}
	f.object(t, "d/sub/a", "x")
	before := f.keys(t)
	var copies atomic.Int64
	failing := f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		if r.Header.Get("X-Amz-Copy-Source") != "" && copies.Add(1) == 12 {
			return nil, errCut
		}
		return next.RoundTrip(r)
	})
	require.ErrorIs(t, failing.Rename(t.Context(), "d", "e"), errCut)
	require.Equal(t, before, f.keys(t))
}

// A file that is stored under the old name during the rename stays, and the copy has
// the old content. Either the look before the removal finds the new file, or only
// the condition of the removal does.
func TestRenameReplacedMeanwhile(t *testing.T) {
	for _, when := range []string{http.MethodHead, http.MethodDelete} {
		t.Run(when, func(t *testing.T) {
			f := newFS(t)
			f.object(t, "a", "old")
			f.object(t, "d/a", "old")
			for _, names := range [][2]string{{"a", "b"}, {"d", "e"}} {
				key := strings.TrimPrefix(names[0]+"/a", "a/")
				var copied, once atomic.Bool
				meddling := f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
					if copied.Load() && r.Method == when && strings.HasSuffix(r.URL.Path, "/"+key) && once.CompareAndSwap(false, true) {
						f.object(t, key, "new, and acknowledged")
					}
					answer, err := next.RoundTrip(r)
					if r.Header.Get("X-Amz-Copy-Source") != "" {
						copied.Store(true)
					}
					return answer, err
				})
				require.NoError(t, meddling.Rename(t.Context(), names[0], names[1]))
				require.True(t, once.Load())
				require.Equal(t, "new, and acknowledged", string(f.read(t, key, 0)))
				require.Equal(t, "old", string(f.read(t, strings.Replace(key, names[0], names[1], 1), 0)))
			}
		})
	}
}

// A file that somebody stores under the new name of a directory stays when the
// rename fails: whether it comes before the copy to that name, which then isn't
// made, or during the copy or after, when the copy is no longer there to be removed.
func TestRenameDirFailsBesideUploads(t *testing.T) {
	for _, when := range []string{"before", "meanwhile", "after"} {
		t.Run(when, func(t *testing.T) {
			f := newFS(t)
			for _, name := range []string{"d/1", "d/2", "d/3"} {
				f.object(t, name, "old")
			}
			before := f.keys(t)
			store := func() {
				assert.NoError(t, f.store(t.Context(), "e/2", []byte("acknowledged"), driver.StoreOptions{}))
			}
			var once sync.Once
			first, second := make(chan struct{}), make(chan struct{})
			failing := f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				key, copies := path.Base(r.URL.Path), r.Header.Get("X-Amz-Copy-Source") != ""
				switch {
				case key == "1" && copies: // makes the directory that others store to
					defer close(first)
				case key == "2" && r.Method == http.MethodHead && when == "before" && strings.HasPrefix(r.URL.Path, "/"+bucket+"/e/"):
					<-first
					once.Do(store)
				case key == "2" && copies && when == "meanwhile":
					<-first
					store()
					return nil, errCut
				case key == "2" && copies && when == "after":
					<-first
					answer, err := next.RoundTrip(r)
					store()
					close(second)
					return answer, err
				case key == "3" && copies && when == "after":
					<-second
					return nil, errCut
				}
				return next.RoundTrip(r)
			})
			require.ErrorIs(t, failing.Rename(t.Context(), "d", "e"), map[bool]error{true: fs.ErrExist, false: errCut}[when == "before"])
			require.Equal(t, append(before, "e/2"), f.keys(t))
			require.Equal(t, "acknowledged", string(f.read(t, "e/2", 0)))
		})
	}
}
