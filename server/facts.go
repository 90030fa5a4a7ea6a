package server

import (
	"context"
	"io/fs"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// MDTM <file>: RFC 3659, section 3. With a time in front of the name MDTM does what MFMT
// does, as many clients expect, and is off if MFMT is.
func (s *session) cmdMdtm(ctx context.Context, arg string) (wire.Reply, error) {
	if stamp, name, found := strings.Cut(arg, " "); found && name != "" {
		if t, err := wire.ParseTime(stamp); err == nil {
			if s.isOff("MFMT") {
				return ok(550, "Setting times is switched off.")
			}
			return s.setTimes(ctx, name, driver.Times{Modify: s.srv.fromMDTM(t)}, "Modify="+wire.FormatTime(t)+"; "+name)
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
	return ok(213, wire.FormatTime(s.srv.toMDTM(info.ModTime())))
}

// toMDTM returns a time whose UTC is what MDTM tells of t.
func (srv *Server) toMDTM(t time.Time) time.Time {
	if !srv.LocalMDTM {
		return t
	}
	return inZone(t.In(srv.location()), time.UTC)
}

// fromMDTM returns the time that MDTM was given, of which t is the UTC.
func (srv *Server) fromMDTM(t time.Time) time.Time {
	if !srv.LocalMDTM {
		return t
	}
	return inZone(t.UTC(), srv.location())
}

// inZone returns the time at which the clocks of a zone show what t shows in its own.
func inZone(t time.Time, zone *time.Location) time.Time {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	return time.Date(year, month, day, hour, minute, second, t.Nanosecond(), zone)
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
