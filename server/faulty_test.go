package server_test

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// faults are the methods of a driver and a command that reaches each.
var faults = []struct{ method, line string }{
	{"Login", ""},
	{"Stat", "SIZE a"}, {"Stat", "CWD d"}, {"Stat", "MLST a"}, {"Stat", "MDTM a"}, {"Stat", "RNFR a"}, {"Stat", "STAT a"},
	{"Size", "SIZE a"}, {"Size", "MLST a"}, {"Size", "LIST"}, {"Size", "STAT /"},
	{"List", "LIST"}, {"List", "NLST"}, {"List", "MLSD"}, {"List", "STAT /"}, {"List", "LIST *"},
	{"List.Next", "LIST"}, {"List.Next", "MLSD"}, {"List.Next", "STAT /"}, {"ReadLink", "LIST"},
	{"Open", "RETR a"}, {"Open.Read", "RETR a"},
	{"CheckStore", "STOR b"}, {"CheckStore", "STOU"}, {"Store", "STOR b"}, {"Store.Write", "STOR a"}, {"Store.Commit", "STOR a"}, {"Store.Write", "APPE a"},
	{"Store.Commit", "STOU"}, {"Store.Close", "STOR b"},
	{"Mkdir", "MKD x"}, {"Remove", "DELE a"}, {"RemoveDir", "RMD d"}, {"Rename", "RNTO b"},
	{"SetTimes", "MFMT 20260101000000 a"}, {"SetMode", "SITE CHMOD 600 a"}, {"SetGroup", "SITE CHGRP x a"},
	{"Symlink", "SITE SYMLINK a b"}, {"Space", "AVBL"}, {"Checksum", "HASH a"},
}

// faulty returns files in which a method is at fault. A listing fails in its
// middle.
func faulty(files driver.FS, method string, fault func(context.Context) error) *drivertest.FaultyFS {
	f := drivertest.Fault{Method: method, Do: fault}
	switch method {
	case "Login":
		return drivertest.Faulty(files)
	case "Size":
		return drivertest.Faulty(described{files, func(info fs.FileInfo) fs.FileInfo { return sizeless{info, fault} }})
	case "ReadLink":
		files = described{files, asLink}
	case "List.Next":
		f.Call = 2
	}
	return drivertest.Faulty(files, f)
}

// play sends one command, and the data of an upload, to a server whose driver is at
// fault.
func play(t *testing.T, method, line string, fault func(context.Context) error, options ...func(*server.Server)) (*testServer, *client, *drivertest.FaultyFS) {
	t.Helper()
	var files *drivertest.FaultyFS
	ts := start(t, append(options, insecure, symlinks, func(srv *server.Server) {
		srv.Passive = passive.Any()
		good := srv.Driver
		srv.Driver = driver.Func(func(ctx context.Context, l *driver.Login) (*driver.Account, error) {
			account, err := good.Login(ctx, l)
			if err != nil || l.Host == "safe" {
				return account, err
			}
			if method == "Login" {
				return account, fault(ctx)
			}
			account.FS = files
			return account, nil
		})
	})...)
	files = faulty(ts.FS, method, fault)
	ts.writeFile(t, "a", "old")
	require.NoError(t, ts.FS.Mkdir(t.Context(), "d"))
	c := ts.dial(t)
	if line == "" {
		c.cmd(331, "USER %s", testUser)
		c.send("PASS %s", testPassword)
		return ts, c, files
	}
	c.login()
	c.cmd(200, "TYPE I")
	data := c.dataTCP(c.pasv())
	// A data connection that comes when the lease has ended would be taken for the
	// next transfer's.
	eventually(t, "the data connection", func() bool { return ts.Passive.Stats().Untaken == 1 })
	if line == "RNTO b" {
		c.cmd(350, "RNFR a")
	}
	c.send("%s", line)
	if verb, _, _ := strings.Cut(line, " "); slices.Contains([]string{"STOR", "APPE", "STOU"}, verb) {
		io.WriteString(data, "new")
		closeWrite(data)
	}
	return ts, c, files
}

// wait waits for a call that hangs.
func wait(t *testing.T, hanging <-chan struct{}) {
	t.Helper()
	select {
	case <-hanging:
	case <-time.After(patience):
		require.Fail(t, "the driver was not called")
	}
}

// final reads the last reply to a command.
func (c *client) final() reply {
	for {
		r, err := c.ReadReply()
		require.NoError(c.t, err)
		if r.Code >= 200 {
			return r
		}
	}
}

// described is an FS that returns other descriptions of its files. It is needed
// because drivertest.Faulty reaches the methods of an FS, not the methods of what
// they return.
type described struct {
	driver.FS
	as func(fs.FileInfo) fs.FileInfo
}

func (d described) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	info, err := d.FS.Stat(ctx, name)
	return d.as(info), err
}

func (d described) List(ctx context.Context, name string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) {
		for info, err := range d.FS.List(ctx, name) {
			if !yield(d.as(info), err) {
				return
			}
		}
	}
}

// link is a file that passes for a symbolic link.
type link struct{ fs.FileInfo }

func asLink(info fs.FileInfo) fs.FileInfo { return link{info} }

func (l link) Mode() fs.FileMode { return l.FileInfo.Mode() | fs.ModeSymlink }

// sizeless describes a file whose size is unknown.
type sizeless struct {
	fs.FileInfo
	fault func(context.Context) error
}

func (s sizeless) Size() int64 {
	_ = s.fault(context.Background())
	return s.FileInfo.Size()
}
