package driver_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/afero"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

func BenchmarkDirList100k(b *testing.B) {
	path := b.TempDir()
	for i := range 100_000 {
		f, err := os.Create(filepath.Join(path, fmt.Sprintf("file-%06d", i)))
		require.NoError(b, err)
		f.Close()
	}
	d := openDir(b, path)
	for way, list := range map[string]iterator{
		"List": d.List,
		"Scan": func(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
			return driver.Scan(ctx, d, name, false)
		},
		"Scan-names": func(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
			return driver.Scan(ctx, d, name, true)
		},
	} {
		b.Run(way, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for fi, err := range list(context.Background(), ".") {
					if err != nil {
						b.Fatal(err)
					}
					n += len(fi.Name())
				}
				if n != 1_100_000 {
					b.Fatal(n)
				}
			}
		})
	}
}

type iterator = func(context.Context, string) iter.Seq2[fs.FileInfo, error]

// backends are those that store files, by name.
func backends(b *testing.B) map[string]driver.FS {
	inPlace := openDir(b, b.TempDir())
	inPlace.Uploads = driver.InPlace
	return map[string]driver.FS{
		"dir-atomic":  openDir(b, b.TempDir()),
		"dir-inplace": inPlace,
		"mem":         driver.Mem(),
		"afero-mem":   driver.Afero(afero.NewMemMapFs()),
		"limit-mem":   limit(b, driver.Mem(), driver.Quota{Bytes: 1 << 30}),
	}
}

func BenchmarkStoreSmall(b *testing.B) {
	data := make([]byte, 4096)
	for name, fsys := range backends(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				u, err := fsys.Store(context.Background(), fmt.Sprint("f", i%1000), driver.StoreOptions{})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := u.Write(data); err != nil {
					b.Fatal(err)
				}
				if err := u.Commit(); err != nil {
					b.Fatal(err)
				}
				u.Close(nil)
			}
		})
	}
}

func BenchmarkOpenSmall(b *testing.B) {
	for name, fsys := range backends(b) {
		write(b, fsys, "f", "0123456789")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := fsys.Open(context.Background(), "f", 0)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, r)
				r.Close()
			}
		})
	}
}

func BenchmarkMemAppend(b *testing.B) {
	m := driver.Mem()
	data := make([]byte, 1000)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		u, err := m.Store(context.Background(), "log", driver.StoreOptions{Append: true})
		if err != nil {
			b.Fatal(err)
		}
		_, _ = u.Write(data)
		if err := u.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLogin(b *testing.B) {
	for name, d := range map[string]driver.Driver{
		"user":  driver.User("a", "secret", driver.Mem()),
		"users": driver.Users{"a": {Hash: cheap(b, "secret"), Files: driver.Mem()}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := login(d, "a", "secret"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
