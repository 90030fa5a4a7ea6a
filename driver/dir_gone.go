package driver

import (
	"errors"
	"fmt"
	"io/fs"
)

// errGone is no error of the contract: a client neither caused nor could know that
// the whole tree is missing. The error is for the operator's log.
var errGone = errors.New("the served directory was removed; restart to serve what has its name now")

// gone returns errGone if the served directory itself was removed, else err. A Dir
// stays with the directory that it opened, because somebody else may have put
// another one of that name there.
func (d *Dir) gone(err error) error {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if fi, e := d.root.Stat("."); e == nil && removed(fi) {
		return fmt.Errorf("%s: %w", d.root.Name(), errGone)
	}
	return err
}

// fail wraps an error as the function fail does. If the served directory was
// removed it says so, whichever method failed, so that the operator learns of it.
func (d *Dir) fail(op, name string, err error) error {
	if err != nil {
		err = d.gone(err)
	}
	return fail(op, name, err)
}
