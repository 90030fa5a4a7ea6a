package server

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// CWD [<directory>]: RFC 959, section 4.1.1.
func (s *session) cmdCwd(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := wire.Resolve(s.cwd, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	info, err := s.files.Stat(ctx, name)
	if err != nil {
		return wire.Reply{}, err
	}
	if !info.IsDir() {
		return wire.Reply{}, driver.ErrNotDir
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
	name, err := wire.Resolve(s.cwd, arg)
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
	return s.change(ctx, arg, "Directory removed.", s.files.RemoveDir)
}

// DELE <file>: RFC 959, section 4.1.3.
func (s *session) cmdDele(ctx context.Context, arg string) (wire.Reply, error) {
	return s.change(ctx, arg, "File deleted.", s.files.Remove)
}

// change applies one function of the driver to one name.
func (s *session) change(ctx context.Context, arg, done string, f func(context.Context, string) error) (wire.Reply, error) {
	name, err := wire.Resolve(s.cwd, arg)
	if err == nil {
		err = f(ctx, name)
	}
	if err != nil {
		return wire.Reply{}, err
	}
	return ok(250, done)
}

// RNFR <path>: RFC 959, section 4.1.3. RNTO must follow at once.
func (s *session) cmdRnfr(ctx context.Context, arg string) (wire.Reply, error) {
	name, err := wire.Resolve(s.cwd, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	if err := s.exists(ctx, name); err != nil {
		return wire.Reply{}, err
	}
	s.rnfr = name
	return ok(350, "Send RNTO with the new name.")
}

// exists is Stat for something that may be a link to nowhere.
func (s *session) exists(ctx context.Context, name string) error {
	_, err := s.files.Stat(ctx, name)
	if err == nil {
		return nil
	}
	if _, linkErr := driver.ReadLink(ctx, s.files, name); linkErr == nil {
		return nil
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
	return s.change(ctx, arg, "Renamed.", func(ctx context.Context, to string) error {
		return s.files.Rename(ctx, from, to)
	})
}

// SIZE <file>: RFC 3659, section 4. It promises the number of bytes that a
// transfer would move, which in TYPE A nobody knows without reading the file.
func (s *session) cmdSize(ctx context.Context, arg string) (wire.Reply, error) {
	if !s.image {
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
	name, err := wire.Resolve(s.cwd, arg)
	if err != nil {
		return nil, err
	}
	info, err := s.files.Stat(ctx, name)
	if err == nil && info.IsDir() {
		err = driver.ErrIsDir
	}
	return info, err
}

// MDTM <file>: RFC 3659, section 3. With a time in front of the name it sets
// the time, as many clients expect.
func (s *session) cmdMdtm(ctx context.Context, arg string) (wire.Reply, error) {
	if stamp, name, found := strings.Cut(arg, " "); found && name != "" {
		if t, err := wire.ParseTime(stamp); err == nil {
			return s.setTimes(ctx, name, driver.Times{Modify: t}, "Modify="+wire.FormatTime(t)+"; "+name)
		}
	}
	name, err := wire.Resolve(s.cwd, arg)
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
	name, err := wire.Resolve(s.cwd, arg)
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
	facts, path, err := wire.ParseMFF(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	name, err := wire.Resolve(s.cwd, path)
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
	name, err := wire.Resolve(s.cwd, arg)
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
