package driver

import (
	"errors"
	"fmt"
	"io/fs"
)

// errGone is no error of the contract: that the whole tree is missing is nothing
// that a client did or could know, but something for the operator's log.
var errGone = errors.New("the served directory was removed; restart to serve what has its name now")

// gone returns err, unless nothing can be found any more since the directory itself
// was removed. A Dir stays with its directory: another one of that name may have
// been put there by somebody else.
func (d *Dir) gone(err error) error {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if fi, e := d.root.Stat("."); e == nil && removed(fi) {
		return fmt.Errorf("%s: %w", d.root.Name(), errGone)
	}
	return err
}

// fail is fail for what a Dir returns: the operator learns whatever call it is.
func (d *Dir) fail(op, name string, err error) error {
	if err != nil {
		err = d.gone(err)
	}
	return fail(op, name, err)
}
