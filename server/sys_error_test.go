//go:build unix

package server_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// The server understands an FS of a third party that puts driver.SysError around
// errors of the system. Without SysError "Directory not empty" becomes "Already
// exists", and a full disk becomes a local error.
func TestSysErrorReplies(t *testing.T) {
	for _, tt := range []struct {
		method, line string
		errno        syscall.Errno
		code         int
		text         string
	}{
		{"RemoveDir", "RMD d", syscall.ENOTEMPTY, 550, "Directory not empty."},
		{"Stat", "SIZE a/b", syscall.ENOTDIR, 550, "Not a directory."},
		{"Mkdir", "MKD x", syscall.EDQUOT, 552, "Storage limit reached."},
		{"RemoveDir", "RMD d", syscall.EBUSY, 450, "The file is in use; try again later."},
		{"Store.Commit", "STOR b", syscall.ETXTBSY, 450, "The file is in use; try again later."},
		{"Store.Write", "STOR b", syscall.ENOSPC, 552, "Storage limit reached."},
		{"Store.Commit", "STOR b", syscall.EDQUOT, 552, "Storage limit reached."},
	} {
		t.Run(tt.method+" "+tt.errno.Error(), func(t *testing.T) {
			_, c, _ := play(t, tt.method, tt.line, func(context.Context) error {
				return driver.SysError(&fs.PathError{Op: "x", Path: "/real/path", Err: tt.errno})
			})
			if strings.HasPrefix(tt.line, "STOR") {
				c.expect(150)
			}
			require.Equal(t, fmt.Sprint(tt.code, " ", tt.text), c.expect(tt.code).String())
		})
	}
}
