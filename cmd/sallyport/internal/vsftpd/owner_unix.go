//go:build unix

package vsftpd

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// foreign returns why vsftpd would not take a file for its configuration: somebody else could change it. It returns
// nothing for a file that is fine, and for one of anybody if anyOwner.
func foreign(info fs.FileInfo, anyOwner bool) string {
	if !info.Mode().IsRegular() {
		return "is no file"
	}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok && !anyOwner && int(sys.Uid) != os.Geteuid() {
		return fmt.Sprintf("belongs to the user with the number %d, who could change it, and not to %d, who starts the server; chown it", sys.Uid, os.Geteuid())
	}
	return ""
}
