package ftpstest

import (
	"context"
	"net/netip"
	"path"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/driver"
)

// tracked is a Driver whose uploads this package sees.
type tracked struct {
	driver.Driver
	srv *Server
}

// Login implements driver.Driver.
func (t tracked) Login(ctx context.Context, l *driver.Login) (*driver.Account, error) {
	if t.Driver == nil {
		return nil, driver.ErrLogin
	}
	account, err := t.Driver.Login(ctx, l)
	if err != nil || account == nil || account.FS == nil {
		return nil, err
	}
	account.FS = trackedFS{account.FS, t.srv, l.Peer}
	return account, nil
}

// Validate asks the Driver.
func (t tracked) Validate() error {
	if v, ok := t.Driver.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// trackedFS is the FS of one session.
type trackedFS struct {
	driver.FS
	srv  *Server
	peer netip.AddrPort
}

// Unwrap returns the FS below for the abilities there.
func (f trackedFS) Unwrap() driver.FS { return f.FS }

// Store implements driver.FS.
func (f trackedFS) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	up, err := f.FS.Store(ctx, name, opts)
	if err != nil {
		return nil, err
	}
	u := &trackedUpload{Upload: up, name: name, fs: f}
	for _, s := range f.srv.sessions.at(f.peer).waiting() {
		if s.Kind == Full {
			u.full = append(u.full, s)
		}
	}
	return u, nil
}

// Rename implements driver.FS.
func (f trackedFS) Rename(ctx context.Context, from, to string) error {
	err := f.FS.Rename(ctx, from, to)
	if err == nil {
		f.srv.arrivals.rename(from, to)
	}
	return err
}

type trackedUpload struct {
	driver.Upload
	name string
	fs   trackedFS
	full []*strike
	n    int64
}

func (u *trackedUpload) Write(p []byte) (int, error) {
	for _, f := range u.full {
		if u.n+int64(len(p)) > f.After && !f.over() {
			return 0, &driver.Error{Code: f.code(), Text: f.reply().Lines[0], Err: driver.ErrQuota}
		}
	}
	n, err := u.Upload.Write(p)
	u.n += int64(n)
	return n, err
}

// Unwrap returns the upload below for the abilities there.
func (u *trackedUpload) Unwrap() driver.Upload { return u.Upload }

func (u *trackedUpload) Commit() error {
	err := u.Upload.Commit()
	if err == nil {
		u.fs.srv.arrivals.add(u.name, u.fs.FS)
	}
	return err
}

// arrivals holds the names of the files that clients have stored, and the FS
// that has each.
type arrivals struct {
	mu      sync.Mutex
	files   map[string]driver.FS
	changed chan struct{} // closed at the next arrival
}

func (a *arrivals) add(name string, where driver.FS) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files == nil {
		a.files = make(map[string]driver.FS)
	}
	a.files[name] = where
	a.wake()
}

// rename notes the new name of a file, or of the files below a directory.
func (a *arrivals) rename(from, to string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	moved := make(map[string]driver.FS)
	for name, where := range a.files {
		if rest, ok := strings.CutPrefix(name, from); ok && (rest == "" || rest[0] == '/') {
			delete(a.files, name)
			moved[path.Join(to, rest)] = where
		}
	}
	for name, where := range moved {
		a.files[name] = where
	}
	a.wake()
}

func (a *arrivals) wake() {
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// find returns the FS where a file has arrived, or else a channel that is
// closed at the next arrival.
func (a *arrivals) find(name string) (driver.FS, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if where, ok := a.files[name]; ok {
		return where, nil
	}
	if a.changed == nil {
		a.changed = make(chan struct{})
	}
	return nil, a.changed
}
