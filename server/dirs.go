package server

import (
	"context"

	"github.com/sallyport/sallyport/internal/wire"
)

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
	s.setDir(wire.Display(name))
	return s.entered(ctx, 250, wire.QuotePath(wire.Display(name))+" is the current directory.")
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
