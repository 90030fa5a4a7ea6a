package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// usualControl is the control socket of a server with a configuration file. Commands that ask a server look for it
// there.
const usualControl = "/run/sallyport/control.sock"

// controlPath returns the path of the control socket, empty for none, and whether an option names it.
func (s *settings) controlPath() (path string, asked bool) {
	_, asked = s.sources["control"]
	if !asked && len(s.files) > 0 && runtime.GOOS != "windows" {
		return usualControl, false
	}
	return s.control, asked
}

// groupID returns the GID of the group that may use the control socket, -1 for none.
func (s *settings) groupID() (int, error) {
	if s.controlGroup == "" {
		return -1, nil
	}
	g, err := user.LookupGroup(s.controlGroup)
	if err != nil {
		g, err = user.LookupGroupId(s.controlGroup)
	}
	if err != nil {
		return -1, fmt.Errorf("%s: there is no group %q on this host; make it (groupadd --system %s), or name another", s.head("control-group"), s.controlGroup, shell(s.controlGroup))
	}
	return strconv.Atoi(g.Gid)
}

// controlSocket is a Unix socket and its file.
type controlSocket struct {
	net.Listener
	path  string
	group int         // GID of the group that may use the socket, -1 for none
	made  os.FileInfo // the file when it was made

	isMember func(uid, group int) bool // whether a user is in a group of this host
}

// openControl opens the control socket if there is to be one. A failure to open the usual one, which nobody asked
// for, is no error.
func (d *daemon) openControl() error {
	path, asked := d.controlPath()
	if path == "" {
		return nil
	}
	group, err := d.groupID()
	if err != nil {
		return err
	}
	if d.left != nil {
		if done, err := d.left.control(d, path, group); done || err != nil {
			return err
		}
	}
	d.socket, err = listenControl(path, group)
	switch {
	case err == nil || asked:
		return d.told("control", err)
	default:
		d.log.Warn("there is no control socket: sallyport status and its like can't reach this server", "problem", err, "cure", "--control PATH, or --control= for none")
		return nil
	}
}

var errNoSockets = errors.New("there are no control sockets on Windows; leave it out")

// listenControl makes a control socket. It replaces a socket that a process has left behind.
func listenControl(path string, group int) (*controlSocket, error) {
	if runtime.GOOS == "windows" {
		return nil, errNoSockets
	}
	dir := filepath.Dir(path)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := checkVacant(path); err != nil {
		return nil, err
	}
	// Makes the socket elsewhere and renames it once it has its rights, so that nobody connects in between.
	private, err := os.MkdirTemp(dir, ".control")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(private)
	first := filepath.Join(private, "s")
	ln, err := net.Listen("unix", first)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; the path may be too long", path, err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	made, err := publish(first, path, group)
	if err != nil {
		ln.Close()
		return nil, err
	}
	return &controlSocket{ln, path, group, made, isMember}, nil
}

// checkVacant returns an error if the path of a socket is taken, by another kind of file or by the socket of a
// process that lives.
func checkVacant(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and no socket; name another path", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if isRefused(err) {
		return nil
	}
	if err == nil {
		conn.Close()
	}
	return fmt.Errorf("another process listens on %[1]s; end it (sallyport drain --control %[2]s) or name another path", path, shell(path))
}

// publish sets the rights of a socket and then renames it to path.
func publish(first, path string, group int) (os.FileInfo, error) {
	mode := fs.FileMode(0o600)
	if group >= 0 {
		mode = 0o660
		if err := os.Chown(first, -1, group); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(first, mode); err != nil {
		return nil, err
	}
	if err := os.Rename(first, path); err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// remove closes the socket and removes its file, unless another file has taken its place.
func (c *controlSocket) remove() {
	if now, err := os.Lstat(c.path); err == nil && os.SameFile(now, c.made) {
		os.Remove(c.path)
	}
	c.Close()
}

// admits reports whether a peer may use the socket: root, the user whom the server runs as, and members of the group
// may.
func (c *controlSocket) admits(p peer) bool {
	if p.uid == 0 || p.uid == os.Geteuid() || c.group >= 0 && p.gid == c.group {
		return true
	}
	return c.group >= 0 && c.isMember(p.uid, c.group)
}

// isMember reports whether a user is in a group of this host.
func isMember(uid, group int) bool {
	who, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return false
	}
	ids, err := who.GroupIds()
	return err == nil && slices.Contains(ids, strconv.Itoa(group))
}

// peer is the user and group of a process that has connected to the control socket.
type peer struct{ uid, gid int }

func (p peer) String() string { return fmt.Sprintf("uid %d", p.uid) }
