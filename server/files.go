package server

import (
	"context"
	"errors"
	"io/fs"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// DELE <file>: RFC 959, section 4.1.3.
func (s *session) cmdDele(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := s.fileName(ctx, arg)
	if err == nil {
		err = s.files.Remove(ctx, name)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	return ok(250, "File deleted.")
}

// RNFR <path>: RFC 959, section 4.1.3. RNTO must follow at once. What can't be renamed
// whatever the new name is refused here: the root, and what a rule of the driver
// keeps in its place.
func (s *session) cmdRnfr(ctx context.Context, arg string) (wire.Reply, error) {
	p, err := s.path(ctx, arg)
	if err == nil {
		err = s.exists(ctx, p)
	}
	if err == nil && p.Name == "." {
		err = fs.ErrPermission
	}
	if err == nil {
		err = driver.CheckOp(ctx, s.files, driver.OpRename, p.Name)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	s.source = p.Name
	return ok(350, "Send RNTO with the new name.")
}

// RNTO <path>: RFC 959, section 4.1.3.
func (s *session) cmdRnto(ctx context.Context, arg string) (wire.Reply, error) {
	from := s.source
	to, err := s.path(ctx, arg)
	if err == nil && to.Dir {
		err = s.isDir(ctx, from) // nothing else can get such a name
	}
	if err == nil {
		err = s.files.Rename(ctx, from, to.Name)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	return ok(250, "Renamed.")
}

// SIZE <file>: RFC 3659, section 4. The reply promises the number of bytes that a
// transfer would move, which under conversion nobody knows without reading the file.
func (s *session) cmdSize(ctx context.Context, arg string) (wire.Reply, error) {
	if s.converts() {
		return ok(550, "SIZE is not available in TYPE A; send TYPE I first.")
	}
	info, err := s.regular(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	return okf(213, "%d", info.Size())
}

// regular returns the description of a file that could be fetched. A directory or a
// special file is an error.
func (a *account) regular(ctx context.Context, arg string) (fs.FileInfo, error) {
	name, err := a.fileName(ctx, arg)
	if err != nil {
		return nil, err
	}
	info, err := a.files.Stat(ctx, name)
	if err == nil && info.IsDir() {
		err = driver.ErrIsDir
	}
	if err == nil {
		err = special(info)
	}
	return info, err
}

// special refuses what is neither a file nor a directory, with a text that names the
// kind.
func special(info fs.FileInfo) error {
	kind := ""
	switch mode := info.Mode(); {
	case mode&fs.ModeNamedPipe != 0:
		kind = "a FIFO"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	default:
		return nil
	}
	return &driver.Error{Code: 550, Text: "Is " + kind + ", not a file.", Err: fs.ErrPermission}
}

// AVBL [<directory>]: draft-peterson-streamlined-ftp-command-extensions,
// section 4.
func (s *session) cmdAvbl(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := s.name(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	info, err := s.files.Stat(ctx, name)
	if err == nil && !info.IsDir() {
		err = driver.ErrNotDir
	}
	if err != nil {
		return wire.Reply{}, err
	}
	free, err := driver.Space(ctx, s.files, name)
	if errors.Is(err, errors.ErrUnsupported) {
		return ok(550, "The free space is not known.")
	}
	if err != nil {
		return wire.Reply{}, err
	}
	return okf(213, "%d", free)
}
