//go:build !unix

package vsftpd

import "io/fs"

// foreign returns why vsftpd would not take a file for its configuration; nothing for a file that is fine. Owners are
// not compared on this system.
func foreign(info fs.FileInfo, anyOwner bool) string {
	if !info.Mode().IsRegular() {
		return "is no file"
	}
	return ""
}
