package driver

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// within returns fs.ErrNotExist if the directory of the upload is not in the tree any more:
// another program may have moved it elsewhere, where nothing may be stored. An upload goes
// on if its directory was moved within the tree.
func (u *atomicUpload) within() error {
	if u.dir == "." {
		return nil // the tree goes where its root goes
	}
	is, err := u.parent.Stat(".")
	if err != nil {
		return err
	}
	now, err := u.d.root.Stat(filepath.FromSlash(u.dir + "/."))
	if err == nil && os.SameFile(is, now) {
		return nil
	}
	inside, err := isBelow(u.parent, is, u.d.is)
	if err == nil && !inside {
		err = fmt.Errorf("directory was moved out of the tree: %w", fs.ErrNotExist)
	}
	return err
}
