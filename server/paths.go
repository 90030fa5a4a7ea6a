package server

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// name resolves an argument that may name anything. The directories that it goes
// through must be there: "missing/../a" is no name of a.
func (s *session) name(ctx context.Context, arg string) (string, error) {
	p, err := s.path(ctx, arg)
	return p.Name, err
}

func (s *session) path(ctx context.Context, arg string) (wire.Path, error) {
	p, err := wire.ParsePath(s.cwd, arg)
	if err != nil {
		return wire.Path{}, err
	}
	if !s.takes(p.Name) {
		return wire.Path{}, errNotUTF8
	}
	for _, dir := range p.Through {
		if !s.takes(dir) {
			return wire.Path{}, errNotUTF8
		}
		if err := s.isDir(ctx, dir); err != nil {
			return wire.Path{}, err
		}
	}
	return p, nil
}

var errNotUTF8 = &wire.SyntaxError{What: "A path", Want: "UTF-8 here"}

// takes reports whether the files can have such a name: one that is not UTF-8 only
// where names are bytes (RFC 2640, section 2.2).
func (s *session) takes(name string) bool {
	return utf8.ValidString(name) || driver.RawNames(s.files, name)
}

// isDir returns an error unless the name is that of a directory.
func (s *session) isDir(ctx context.Context, name string) error {
	info, err := s.files.Stat(ctx, name)
	if err == nil && !info.IsDir() {
		err = driver.ErrNotDir
	}
	return err
}

// existing resolves an argument that names what is there. With a slash at its
// end that must be a directory.
func (s *session) existing(ctx context.Context, arg string) (string, error) {
	p, err := s.path(ctx, arg)
	if err == nil && p.Dir {
		err = s.isDir(ctx, p.Name)
	}
	return p.Name, err
}

// fileName resolves an argument that names a file, be it there or not, or a link
// itself. With a slash at its end it never does.
func (s *session) fileName(ctx context.Context, arg string) (string, error) {
	p, err := s.path(ctx, arg)
	if err != nil || !p.Dir {
		return p.Name, err
	}
	if err := s.isDir(ctx, p.Name); err != nil {
		return "", err
	}
	return "", driver.ErrIsDir
}

// CWD [<directory>]: RFC 959, section 4.1.1.
func (s *session) cmdCwd(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := s.name(ctx, arg)
	if err == nil {
		err = s.isDir(ctx, name)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	s.cwd = name
	return okf(250, "%s is the current directory.", wire.QuotePath(wire.Display(name)))
}

// CDUP: RFC 959, section 4.1.1.
func (s *session) cmdCdup(ctx context.Context, _ string) (wire.Reply, error) {
	return s.cmdCwd(ctx, "..")
}

// PWD: RFC 959, section 4.1.3, with quotes doubled (appendix II).
func (s *session) cmdPwd(context.Context, string) (wire.Reply, error) {
	return okf(257, "%s is the current directory.", wire.QuotePath(wire.Display(s.cwd)))
}

// MKD <directory>: RFC 959, section 4.1.3 and appendix II.
func (s *session) cmdMkd(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := s.name(ctx, arg)
	if err == nil {
		err = s.files.Mkdir(ctx, name)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	return okf(257, "%s created.", wire.QuotePath(wire.Display(name)))
}

// RMD <directory>: RFC 959, section 4.1.3.
func (s *session) cmdRmd(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := s.name(ctx, arg)
	if err == nil {
		err = s.files.RemoveDir(ctx, name)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	return ok(250, "Directory removed.")
}

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

// RNFR <path>: RFC 959, section 4.1.3. RNTO must follow at once.
func (s *session) cmdRnfr(ctx context.Context, arg string) (wire.Reply, error) {
	p, err := s.path(ctx, arg)
	if err == nil {
		err = s.exists(ctx, p)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	s.rnfr = p.Name
	return ok(350, "Send RNTO with the new name.")
}

// exists is Stat for something that may be a link to nowhere. With a slash at its
// end a path means a directory, and not a link to one.
func (s *session) exists(ctx context.Context, p wire.Path) error {
	info, err := s.files.Stat(ctx, p.Name)
	if err == nil && !p.Dir {
		return nil
	}
	_, linkErr := driver.ReadLink(ctx, s.files, p.Name)
	isLink := linkErr == nil
	switch {
	case isLink && !p.Dir:
		return nil
	case isLink || err == nil && !info.IsDir():
		return driver.ErrNotDir
	}
	return err
}

// RNTO <path>: RFC 959, section 4.1.3.
func (s *session) cmdRnto(ctx context.Context, arg string) (wire.Reply, error) {
	from := s.rnfr
	s.rnfr = ""
	if from == "" {
		return ok(503, "Send RNFR first.")
	}
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

// SIZE <file>: RFC 3659, section 4. It promises the number of bytes that a
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

// regular describes a file that could be fetched.
func (s *session) regular(ctx context.Context, arg string) (fs.FileInfo, error) {
	name, err := s.fileName(ctx, arg)
	if err != nil {
		return nil, err
	}
	info, err := s.files.Stat(ctx, name)
	if err == nil && info.IsDir() {
		err = driver.ErrIsDir
	}
	if err == nil {
		err = special(info)
	}
	return info, err
}

// special refuses what is neither a file nor a directory, in its own name.
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

// MDTM <file>: RFC 3659, section 3. With a time in front of the name it sets
// the time, as many clients expect.
func (s *session) cmdMdtm(ctx context.Context, arg string) (wire.Reply, error) {
	if stamp, name, found := strings.Cut(arg, " "); found && name != "" {
		if t, err := wire.ParseTime(stamp); err == nil {
			return s.setTimes(ctx, name, driver.Times{Modify: t}, "Modify="+wire.FormatTime(t)+"; "+name)
		}
	}
	name, err := s.existing(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	info, err := s.files.Stat(ctx, name)
	if err != nil {
		return wire.Reply{}, err
	}
	return ok(213, wire.FormatTime(info.ModTime()))
}

// MFMT <time> <path>: draft-somers-ftp-mfxx, section 3.
func (s *session) cmdMfmt(ctx context.Context, arg string) (wire.Reply, error) {
	return s.timeCommand(ctx, arg, "Modify", func(t time.Time) driver.Times { return driver.Times{Modify: t} })
}

// MFCT <time> <path>: draft-somers-ftp-mfxx, section 4.
func (s *session) cmdMfct(ctx context.Context, arg string) (wire.Reply, error) {
	return s.timeCommand(ctx, arg, "Create", func(t time.Time) driver.Times { return driver.Times{Create: t} })
}

func (s *session) timeCommand(ctx context.Context, arg, fact string, times func(time.Time) driver.Times) (wire.Reply, error) {
	stamp, name, _ := strings.Cut(arg, " ")
	t, err := wire.ParseTime(stamp)
	if err != nil {
		return wire.Reply{}, err
	}
	if name == "" {
		return ok(501, "A path must follow the time.")
	}
	return s.setTimes(ctx, name, times(t), fact+"="+wire.FormatTime(t)+"; "+name)
}

func (s *session) setTimes(ctx context.Context, arg string, t driver.Times, done string) (wire.Reply, error) {
	name, err := s.existing(ctx, arg)
	if err == nil {
		err = driver.SetTimes(ctx, s.files, name, t)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	return ok(213, done)
}

// MFF <facts> <path>: draft-somers-ftp-mfxx, section 5. All facts are checked
// before the first is set.
func (s *session) cmdMff(ctx context.Context, arg string) (wire.Reply, error) {
	facts, target, err := wire.ParseMFF(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	name, err := s.existing(ctx, target)
	if err != nil {
		return wire.Reply{}, err
	}
	var (
		times driver.Times
		steps []func() error
	)
	for _, f := range facts {
		switch strings.ToLower(f.Name) {
		case "modify":
			times.Modify, err = wire.ParseTime(f.Value)
		case "create":
			times.Create, err = wire.ParseTime(f.Value)
		case "unix.mode":
			var mode fs.FileMode
			mode, err = wire.ParseMode(f.Value)
			steps = append(steps, func() error { return driver.SetMode(ctx, s.files, name, mode) })
		case "unix.group":
			steps = append(steps, func() error { return driver.SetGroup(ctx, s.files, name, f.Value) })
		default:
			return ok(504, "MFF can't set "+f.Name+".")
		}
		if err != nil {
			return wire.Reply{}, err
		}
	}
	if times != (driver.Times{}) {
		steps = append(steps, func() error { return driver.SetTimes(ctx, s.files, name, times) })
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return wire.Reply{}, err
		}
	}
	return ok(213, arg)
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
