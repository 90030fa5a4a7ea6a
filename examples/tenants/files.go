package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/driver"
)

// directory holds the users, and the files of tenants that have logged in.
type directory struct {
	db      database
	root    string // where each tenant has a directory
	webhook string // is asked about uploads; empty for none

	mu      sync.Mutex
	tenants map[string]tenant
}

// tenant is what all sessions of a tenant share, since the quota counts what all of
// them store.
type tenant struct {
	dir   *driver.Dir
	files driver.FS
}

// files returns the files that a user sees.
func (d *directory) files(ctx context.Context, u user) (driver.FS, error) {
	t, err := d.tenant(ctx, u)
	if err != nil {
		return nil, err
	}
	for folder := range u.folders {
		if err := t.files.Mkdir(ctx, folder); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return driver.Restrict(t.files, u.may), nil
}

// tenant opens the files of a tenant at its first login: a directory within a quota,
// whose uploads the webhook inspects. The quota is read only then.
func (d *directory) tenant(ctx context.Context, u user) (tenant, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.tenants[u.tenant]; ok {
		return t, nil
	}
	path := filepath.Join(d.root, u.tenant)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return tenant{}, err
	}
	dir, err := driver.OpenDir(path)
	if err != nil {
		return tenant{}, err
	}
	limited, err := driver.Limit(ctx, dir, driver.Quota{Bytes: u.quota})
	if err != nil {
		return tenant{}, errors.Join(err, dir.Close())
	}
	t := tenant{dir, driver.Inspect(limited, d.inspect)}
	d.tenants[u.tenant] = t
	return t, nil
}

// close closes the tenants' directories.
func (d *directory) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.tenants {
		t.dir.Close()
	}
}

// right is the letter that an operation needs, none for looking. Nobody may do
// operations that are not here.
var right = map[driver.Op]string{
	driver.OpStat: "", driver.OpList: "", driver.OpSpace: "",
	driver.OpRead:  "r",
	driver.OpStore: "w", driver.OpMkdir: "w", driver.OpSetTimes: "w", driver.OpRenameTo: "w",
	driver.OpRemove: "d", driver.OpRemoveDir: "d", driver.OpRename: "d", driver.OpReplace: "d",
}

// may decides whether the user may do an operation on a name.
func (u user) may(ctx context.Context, op driver.Op, name string) error {
	folder, _, within := strings.Cut(name, "/")
	rights, known := u.folders[folder]
	letter, can := right[op]
	switch {
	case !can:
		return errors.ErrUnsupported
	case name == "." && letter == "":
		return nil
	case name != "." && !known:
		return fs.ErrNotExist // there are no other folders
	case !within && (op == driver.OpRename || op == driver.OpRemoveDir):
		return fs.ErrPermission // folders can't be changed
	case known && strings.Contains(rights, letter):
		return nil
	}
	return fs.ErrPermission
}
