package main

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// promised holds the metrics that workloads have, by the beginning of their
// names; the longest match counts.
var promised = map[string][]metric{
	"limit":       {cpu, rate},
	"tls-down":    {cpu, rate, peak, resumed},
	"tls-up":      {cpu, rate, peak, resumed},
	"clear-down":  {cpu, rate, peak},
	"clear-up":    {cpu, rate, peak},
	"tls-small":   {cpu, rate, done, asked, resumed},
	"clear-small": {cpu, rate, done, asked},
	"login":       {cpu, rate},
	"idle":        {each},
	"pressure":    {done, asked, waited, waitMost, rate, stolen, resumed},
	"squatters":   {done, asked, waited, waitMost},
	"stalled":     {peak, waited, slower},
	"thief-":      {done, asked, waited, waitMost, stolen},
	"users":       {each},
	"first-login": {cpu, rate},
	"list":        {cpu, rate, peak, resumed},
	"mlsd":        {cpu, rate, peak, resumed},
	"nlst":        {cpu, rate, peak, resumed},
}

// TestWorkloads runs every workload.
func TestWorkloads(t *testing.T) {
	seen := make(map[string]bool)
	for _, w := range workloads() {
		require.False(t, seen[w.name], "two are called %s", w.name)
		seen[w.name] = true
		require.NotEmpty(t, w.title)
		t.Run(w.name, func(t *testing.T) {
			l := newLoad(t)
			if slices.Equal(w.only, []string{limitName}) {
				in, err := limitContender().start(t.Context(), l.setup)
				require.NoError(t, err)
				defer func() { require.NoError(t, in.stop()) }()
				l.instance = in
			}
			s, err := w.run(within(t), l)
			require.NoError(t, err)
			require.ElementsMatch(t, promised[longest(w.name)], slices.Collect(maps.Keys(s)))
			require.Equal(t, s[asked], s[done])
			require.Zero(t, s[stolen])
			if share, ok := s[resumed]; ok {
				require.EqualValues(t, 1, share)
			}
			_, err = os.Stat(filepath.Join(l.root, "up"))
			require.ErrorIs(t, err, os.ErrNotExist, "uploads are taken away")
		})
	}
}

func longest(name string) (best string) {
	for prefix := range promised {
		if strings.HasPrefix(name, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	return best
}

// TestNoPort runs workloads on a server that answers 425 to EPSV: those that
// count transfers count failures, and those that measure costs fail.
func TestNoPort(t *testing.T) {
	l := newLoad(t, noPorts)
	for _, name := range []string{"pressure-11", "squatters-11-same", "thief-other-silent"} {
		t.Run(name, func(t *testing.T) {
			s, err := named(t, name).run(within(t), l)
			require.NoError(t, err)
			require.Positive(t, s[asked])
			require.Contains(t, s, done)
			require.Zero(t, s[done])
			require.Zero(t, s[stolen])
			require.NotContains(t, s, waited)
		})
	}
	for _, name := range []string{"tls-down-1", "clear-up-8", "tls-small-8", "nlst-100k"} {
		t.Run(name, func(t *testing.T) {
			_, err := named(t, name).run(within(t), l)
			require.ErrorContains(t, err, "EPSV: 425")
		})
	}
}

// TestWrongByte changes one byte of the files that are fetched.
func TestWrongByte(t *testing.T) {
	l := newLoad(t)
	spoil := func(name string, what content, at int64) {
		t.Helper()
		require.NoError(t, l.file(name, what))
		f, err := os.OpenFile(filepath.Join(l.root, name), os.O_WRONLY, 0)
		require.NoError(t, err)
		defer f.Close()
		_, err = f.WriteAt([]byte{what.at(at)[0] ^ 1}, at)
		require.NoError(t, err)
	}
	spoil("own/001", content{1, smallSize}, smallSize-1)
	s, err := named(t, "pressure-11").run(within(t), l)
	require.NoError(t, err)
	require.EqualValues(t, 40, s[asked])
	require.EqualValues(t, 20, s[done])
	require.EqualValues(t, 20, s[stolen])

	spoil("small/00003", small{}.content(3), 0)
	_, err = named(t, "tls-small-1").run(within(t), l)
	require.ErrorIs(t, err, errWrong)

	size := int64(gib / 128)
	spoil(bulk{}.name(content{size: size}), content{size: size}, size/2)
	_, err = named(t, "clear-down-1").run(within(t), l)
	require.ErrorIs(t, err, errWrong)
}

// spoiler is an FS that changes the first byte of every file that is stored.
type spoiler struct{ driver.FS }

func (f spoiler) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := f.FS.Store(ctx, name, opts)
	return &spoiled{Upload: up}, err
}

type spoiled struct {
	driver.Upload
	begun bool
}

func (u *spoiled) Write(p []byte) (int, error) {
	if !u.begun && len(p) > 0 {
		u.begun = true
		p = bytes.Clone(p)
		p[0] ^= 1
	}
	return u.Upload.Write(p)
}

func TestWrongUpload(t *testing.T) {
	l := newLoad(t, func(srv *server.Server) {
		honest := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, login *driver.Login) (*driver.Account, error) {
			account, err := honest.Login(ctx, login)
			if err != nil {
				return nil, err
			}
			account.FS = spoiler{account.FS}
			return account, nil
		})
	})
	for _, name := range []string{"tls-up-1", "clear-up-8", "tls-small-up-1", "tls-small-bare-1"} {
		_, err := named(t, name).run(within(t), l)
		require.ErrorIs(t, err, errWrong)
	}
}

func TestListingNotWhole(t *testing.T) {
	l := newLoad(t)
	require.NoError(t, l.many("many-1000", 1000))
	require.NoError(t, os.Remove(filepath.Join(l.root, "many-1000", "file-0000500.txt")))
	for _, name := range []string{"list-100k", "mlsd-100k", "nlst-100k"} {
		_, err := named(t, name).run(within(t), l)
		require.ErrorContains(t, err, "the listing has 999 entries of 1000")
	}
	require.NoError(t, os.WriteFile(filepath.Join(l.root, "many-1000", "file-0000501x.txt"), nil, 0o644))
	_, err := named(t, "nlst-100k").run(within(t), l)
	require.ErrorContains(t, err, "999 entries")
}

func TestEntries(t *testing.T) {
	const listing = "total 0\r\n" +
		"drwxr-xr-x 1 ftp ftp 0 Jan  1 00:00 .\r\n" +
		"-rw-r--r-- 1 ftp ftp 0 Jan  1 00:00 file-0000001.txt\r\n" +
		"type=file;size=0; file-0000002.txt\n" +
		"file-0000003.txt\r\n" +
		"file-0000003.txt.bak\r\nfile-00000x4.txt\r\nile-0000004.txt\r\n"
	for size := 1; size < 40; size++ {
		var e entries
		for part := range slices.Chunk([]byte(listing), size) {
			n, err := e.Write(part)
			require.NoError(t, err)
			require.Equal(t, len(part), n)
		}
		require.NoError(t, e.all(3))
		require.Error(t, e.all(4))
	}
	twice := entries{files: 2, sum: 2}
	require.Error(t, twice.all(2))
}
