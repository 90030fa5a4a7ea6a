package server_test

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// What a rule refuses, each command that does it refuses in the rule's words.
func TestRestrict(t *testing.T) {
	var refused driver.Op
	files := driver.Mem()
	ts := start(t, insecure, func(srv *server.Server) {
		require.NoError(t, files.Mkdir(t.Context(), "d"))
		require.NoError(t, files.Mkdir(t.Context(), "e"))
		writeFile(t, files, "a", "old")
		writeFile(t, files, "b", "other")
		srv.Driver = driver.User(testUser, testPassword, driver.Restrict(files, func(_ context.Context, op driver.Op, name string) error {
			if op == refused && name != "." {
				return &driver.Error{Code: 553, Text: "The rule says no to " + string(op) + " " + name + "."}
			}
			return nil
		}))
	})
	for _, tt := range []struct {
		op   driver.Op
		line string
		want string
	}{
		{driver.OpStat, "SIZE a", "stat a"}, {driver.OpStat, "MDTM a", "stat a"}, {driver.OpStat, "MLST a", "stat a"},
		{driver.OpStat, "CWD d", "stat d"}, {driver.OpStat, "STAT a", "stat a"}, {driver.OpStat, "RNFR a", "stat a"},
		{driver.OpList, "MLSD d", "list d"}, {driver.OpList, "LIST d", "list d"}, {driver.OpList, "NLST d", "list d"}, {driver.OpList, "STAT d", "list d"},
		{driver.OpRead, "RETR a", "read a"}, {driver.OpRead, "HASH a", "read a"}, {driver.OpRead, "XCRC a", "read a"}, {driver.OpRead, "COMB c a", "read a"},
		{driver.OpStore, "STOR c", "store c"}, {driver.OpStore, "APPE a", "store a"}, {driver.OpStore, "COMB a b", "store a"},
		{driver.OpReplace, "STOR a", "replace a"}, {driver.OpReplace, "APPE a", "replace a"}, {driver.OpReplace, "RNTO b", "replace b"},
		{driver.OpMkdir, "MKD c", "mkdir c"}, {driver.OpRemove, "DELE a", "remove a"}, {driver.OpRemoveDir, "RMD d", "rmdir d"},
		{driver.OpRename, "RNFR a", "rename a"}, {driver.OpRename, "RNTO c", "rename a"}, {driver.OpRenameTo, "RNTO c", "rename to c"},
		{driver.OpSetTimes, "MFMT 20260101000000 a", "set times a"}, {driver.OpSetMode, "SITE CHMOD 600 a", "set mode a"},
		{driver.OpSetGroup, "SITE CHGRP x a", "set group a"}, {driver.OpSpace, "AVBL d", "space d"},
	} {
		t.Run(string(tt.op)+" "+tt.line, func(t *testing.T) {
			refused = ""
			c := ts.loginClear(t)
			c.cmd(200, "TYPE I")
			c.pasv()
			if strings.HasPrefix(tt.line, "RNTO") {
				c.cmd(350, "RNFR a")
			}
			refused = tt.op
			require.Equal(t, "553 The rule says no to "+tt.want+".", c.cmd(553, "%s", tt.line).String())
		})
	}
	refused = driver.OpStat
	c := ts.loginClear(t)
	require.Empty(t, c.get("NLST"), "what can't be seen is not listed")
	refused = driver.OpStore
	require.Equal(t, "a\r\nb\r\nd\r\ne\r\n", c.get("NLST"))
	require.Equal(t, "old", readFile(t, files, "a"))
}

// The fact "perm" promises nothing that a rule refuses (RFC 3659, section 7.5.5),
// nothing that the session's commands can't do, and not that the root can be moved.
func TestPerm(t *testing.T) {
	files := driver.Mem()
	require.NoError(t, files.Mkdir(t.Context(), "d"))
	writeFile(t, files, "a", "x")
	writeFile(t, files, "fixed", "x")
	only := func(ops ...driver.Op) driver.FS {
		return driver.Restrict(files, func(_ context.Context, op driver.Op, name string) error {
			if slices.Contains(ops, op) && (op != driver.OpRead || name != "fixed") {
				return nil
			}
			return fs.ErrPermission
		})
	}
	mounted, err := driver.Mount(map[string]driver.FS{".": driver.Mem(), "m": files, "r": driver.WithoutWrites(files)})
	require.NoError(t, err)
	for _, tt := range []struct {
		name  string
		files driver.FS
		off   []string
		want  map[string]string
	}{
		{"all", files, nil, map[string]string{"/": "lcmpe", "a": "adfrw", "d": "flcdmpe"}},
		{"read", only(driver.OpStat, driver.OpList, driver.OpRead), nil, map[string]string{"/": "lcmpe", "a": "r", "fixed": "", "d": "lcmpe"}},
		{"drop", only(driver.OpStat, driver.OpList, driver.OpStore), nil, map[string]string{"a": "", "d": "lcmpe"}},
		{"replace", only(driver.OpStat, driver.OpList, driver.OpStore, driver.OpReplace), nil, map[string]string{"a": "aw"}},
		{"delete", only(driver.OpStat, driver.OpList, driver.OpRemove, driver.OpRemoveDir), nil, map[string]string{"a": "d", "d": "lcdmpe"}},
		{"rename", only(driver.OpStat, driver.OpList, driver.OpRename), nil, map[string]string{"a": "f", "d": "flcmpe"}},
		{"within", driver.Inspect(only(driver.OpStat, driver.OpList, driver.OpRead), nil), nil, map[string]string{"a": "r"}},
		{"nothing but reading", driver.WithoutWrites(files), nil, map[string]string{"/": "le", "a": "r", "d": "le"}},
		{"mounted", mounted, nil, map[string]string{"m": "lcmpe", "r": "le", "m/a": "adfrw", "r/a": "r"}},
		{"off", files, []string{"DELE", "MKD", "RNFR"}, map[string]string{"a": "arw", "d": "lcdpe"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ts := start(t, insecure, func(srv *server.Server) {
				srv.Driver, srv.Disabled = driver.User(testUser, testPassword, tt.files), tt.off
			})
			c := ts.loginClear(t)
			for name, want := range tt.want {
				require.Contains(t, c.cmd(250, "MLST %s", name).String(), "perm="+want+";", name)
				if name != "/" {
					require.Regexp(t, "perm="+want+";[^ ]* "+path.Base(name)+"\r\n", c.get("MLSD %s", path.Join("/", path.Dir(name))), name)
				}
			}
		})
	}
}

// RNFR refuses a name that may not be renamed, in the rule's words or for want of
// permission.
func TestRenameRefusedAtOnce(t *testing.T) {
	files := driver.Mem()
	writeFile(t, files, "a", "x")
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Driver = driver.User(testUser, testPassword, driver.WithoutWrites(files))
	})
	c := ts.loginClear(t)
	c.cmd(550, "RNFR a")
	c.cmd(503, "RNTO b")
	c.cmd(550, "RNFR /")
}

// A directory can't be renamed, with an upload under way in it, to where a rule
// refuses the name of the upload.
func TestRestrictDirectoryWithUpload(t *testing.T) {
	dir := t.TempDir()
	files, err := driver.OpenDir(dir)
	require.NoError(t, err)
	defer files.Close()
	require.NoError(t, files.Mkdir(t.Context(), "d"))
	require.NoError(t, files.Mkdir(t.Context(), "pub"))
	ts := start(t, insecure, func(srv *server.Server) {
		srv.Driver = driver.User(testUser, testPassword, driver.Restrict(files, func(_ context.Context, _ driver.Op, name string) error {
			if strings.HasPrefix(name, "pub/") && path.Ext(name) == ".exe" {
				return &driver.Error{Code: 553, Text: "No programs in /pub."}
			}
			return nil
		}))
	})
	c, other := ts.loginClear(t), ts.loginClear(t)
	data := c.open("STOR d/x.exe")
	uploadsInto(t, filepath.Join(dir, "d"), 0)
	other.cmd(350, "RNFR d")
	require.Equal(t, "553 No programs in /pub.", other.cmd(553, "RNTO pub/d").String())
	closeWrite(data)
	c.expect(226)
	require.Empty(t, readFile(t, files, "d/x.exe"))
}
