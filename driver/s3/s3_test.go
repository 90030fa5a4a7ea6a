package s3

import (
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// Directories that only the keys of others imply are directories, and stay.
func TestImpliedDirectories(t *testing.T) {
	f := newFS(t)
	f.object(t, "in/2026/a.csv", "a")
	f.object(t, "in/2026/b.csv", "b")
	f.object(t, "other/sub/", "")
	require.Equal(t, []string{"in", "other"}, f.names(t, "."))
	require.Equal(t, []string{"2026"}, f.names(t, "in"))
	fi, err := f.Stat(t.Context(), "in/2026")
	require.NoError(t, err)
	require.True(t, fi.IsDir())
	require.ErrorIs(t, f.RemoveDir(t.Context(), "in/2026"), driver.ErrNotEmpty)
	require.ErrorIs(t, f.Mkdir(t.Context(), "in"), fs.ErrExist)

	require.NoError(t, f.Remove(t.Context(), "in/2026/a.csv"))
	require.Equal(t, []string{"in/2026/b.csv", "other/sub/"}, f.keys(t))
	require.NoError(t, f.Rename(t.Context(), "in/2026/b.csv", "b.csv"))
	require.Empty(t, f.names(t, "in/2026"))
	require.Equal(t, []string{"b.csv", "in/2026/", "other/sub/"}, f.keys(t))

	require.NoError(t, f.RemoveDir(t.Context(), "in/2026"))
	require.Empty(t, f.names(t, "in"))
	require.NoError(t, f.Rename(t.Context(), "other/sub", "sub"))
	require.Empty(t, f.names(t, "other"))
	require.Equal(t, []string{"b.csv", "in", "other", "sub"}, f.names(t, "."))
}

// Keys that are no path of names are not shown, and nothing outside of the prefix
// is.
func TestEntries(t *testing.T) {
	for key, want := range map[string]string{
		"a": "a", "a/": "a/", "...": "...", " ": " ",
		"": "", "/": "", "./": "", ".": "", "..": "", "../": "", "a//": "", "\xff": "",
	} {
		fi, ok := entry(key, minio.ObjectInfo{})
		require.Equal(t, want != "", ok, "%q", key)
		if ok {
			require.Equal(t, strings.TrimSuffix(want, "/"), fi.Name())
			require.Equal(t, strings.HasSuffix(want, "/"), fi.IsDir())
		}
	}
	f := newFS(t)
	f.object(t, "vendors/acme/a", "x")
	f.object(t, "vendors/acmes", "x")
	f.object(t, "vendors/acm", "x")
	f.Prefix = "vendors/acme"
	require.Equal(t, []string{"a"}, f.names(t, "."))
}

// A prefix made of the name of a user can't lead out.
func TestBadPrefix(t *testing.T) {
	f := newFS(t)
	f.object(t, "secret", "x")
	f.object(t, "vendors/a", "x")
	for _, prefix := range []string{"vendors/..", "..", ".", "vendors/../vendors", "vendors/", "/", "vendors//", "a/./b"} {
		g := &FS{Client: f.Client, Bucket: bucket, Prefix: prefix}
		_, err := g.Stat(t.Context(), "secret")
		require.Error(t, err, prefix)
		_, err = g.Open(t.Context(), "secret", 0)
		require.Error(t, err, prefix)
		require.Error(t, g.store(t.Context(), "secret", nil, driver.StoreOptions{}), prefix)
		for _, err := range g.List(t.Context(), ".") {
			require.Error(t, err, prefix)
		}
		require.Error(t, g.Rename(t.Context(), "secret", "a"), prefix)
		require.Error(t, g.Remove(t.Context(), "secret"), prefix)
	}
	require.Equal(t, []string{"secret", "vendors/a"}, f.keys(t))
}

func TestLongNames(t *testing.T) {
	f := newFS(t)
	for _, prefix := range []string{"", "vendors"} {
		f.Prefix = prefix
		name := strings.Repeat("x/", 511)
		for method, err := range map[string]error{
			"Store":  f.store(t.Context(), name+"x", nil, driver.StoreOptions{}),
			"Mkdir":  f.Mkdir(t.Context(), name+"xx"),
			"Remove": f.Remove(t.Context(), name+"xxx"),
		} {
			if prefix == "" && method == "Store" {
				require.ErrorIs(t, err, fs.ErrNotExist) // the longest there may be
			} else {
				require.ErrorIs(t, err, driver.ErrName, method)
			}
		}
	}
}

// Each operation makes as many requests as the test says, because requests cost
// money and time.
func TestRequests(t *testing.T) {
	f := newFS(t)
	f.object(t, "in/a", "x")
	f.object(t, "in/z", "x")
	var n atomic.Int64
	g := f.through(t, func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		n.Add(1)
		return next.RoundTrip(r)
	})
	info, err := f.Stat(t.Context(), "in/a")
	require.NoError(t, err)
	for _, c := range []struct {
		what string
		want int64
		do   func() error
	}{
		{"Stat of a file", 1, func() error { _, err := g.Stat(t.Context(), "in/a"); return err }},
		{"Stat of a directory", 2, func() error { _, err := g.Stat(t.Context(), "in"); return err }},
		{"List", 1, func() error { g.names(t, "in"); return nil }},
		{"Open", 1, func() error { g.read(t, "in/a", 0); return nil }},
		{"Store", 4, func() error { return g.store(t.Context(), "in/b", []byte("x"), driver.StoreOptions{}) }},
		{"Store in the root", 3, func() error { return g.store(t.Context(), "b", []byte("x"), driver.StoreOptions{}) }},
		{"Rename", 7, func() error { return g.Rename(t.Context(), "in/b", "in/c") }},
		{"Remove", 3, func() error { return g.Remove(t.Context(), "in/c") }},
		{"RemoveSame", 3, func() error { return g.RemoveSame(t.Context(), "in/a", info) }},
	} {
		n.Store(0)
		require.NoError(t, c.do(), c.what)
		require.Equal(t, c.want, n.Load(), c.what)
	}
}

func TestMeaning(t *testing.T) {
	for code, want := range map[string]error{
		"NoSuchKey":          fs.ErrNotExist,
		"AccessDenied":       fs.ErrPermission,
		"PreconditionFailed": fs.ErrExist,
		"QuotaExceeded":      driver.ErrQuota,
		"NotImplemented":     errors.ErrUnsupported,
	} {
		require.ErrorIs(t, meaning(minio.ErrorResponse{Code: code}), want)
	}
	for _, code := range []string{"NoSuchBucket", "SignatureDoesNotMatch", "SlowDown", ""} {
		err := minio.ErrorResponse{Code: code, Message: "in full"}
		require.Equal(t, error(err), meaning(err))
	}
	require.NoError(t, meaning(nil))
}

func TestCheck(t *testing.T) {
	f := newFS(t)
	require.NoError(t, f.Check(t.Context()))
	for want, change := range map[string]func(f *FS){
		"there is no Client":                             func(f *FS) { f.Client = nil },
		`Prefix is "/acme"; want names`:                  func(f *FS) { f.Prefix = "/acme" },
		`Prefix is "acme/"; want names`:                  func(f *FS) { f.Prefix = "acme/" },
		"PartSize is 4194304 bytes; want 5 MiB to 5 GiB": func(f *FS) { f.PartSize = 4 << 20 },
		"PartSize is -1 bytes":                           func(f *FS) { f.PartSize = -1 },
		`bucket "missing": it does not exist`:            func(f *FS) { f.Bucket = "missing" },
	} {
		g := &FS{Client: f.Client, Bucket: bucket}
		change(g)
		require.ErrorContains(t, g.Check(t.Context()), want)
	}
}
