package server

import (
	"context"
	"strings"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// SITE <command>: RFC 959, section 4.1.3. The known commands have rows of their own,
// so this is for all others.
func (s *session) cmdSite(context.Context, string) (wire.Reply, error) {
	return ok(504, "Unknown SITE command; try SITE HELP.")
}

// SITE HELP: the commands of SITE that are on. HELP SITE says the same.
func (s *session) siteHelp(context.Context, string) (wire.Reply, error) {
	lines := []string{"SITE commands:"}
	for _, verb := range verbs {
		if row := commands[verb]; row.isMember() && !s.isOff(verb) {
			lines = append(lines, " "+row.help)
		}
	}
	return wire.Multi(214, append(lines, "End.")...), nil
}

// twoArgs splits "<word> <path>" and resolves the path.
func (s *session) twoArgs(ctx context.Context, arg string) (word, name string, err error) {
	word, path, _ := strings.Cut(arg, " ")
	if word == "" || path == "" {
		return "", "", errUsage
	}
	name, err = s.existing(ctx, path)
	return word, name, err
}

// SITE CHMOD <mode> <path>: permission bits as an octal number.
func (s *session) siteChmod(ctx context.Context, arg string) (wire.Reply, error) {
	word, name, err := s.twoArgs(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	mode, err := wire.ParseMode(word)
	if err != nil {
		return wire.Reply{}, err
	}
	if err := driver.SetMode(ctx, s.files, name, mode); err != nil {
		return wire.Reply{}, err
	}
	return ok(200, "Permissions set.")
}

// SITE CHGRP <group> <path>: the group, by name or number.
func (s *session) siteChgrp(ctx context.Context, arg string) (wire.Reply, error) {
	group, name, err := s.twoArgs(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	if err := driver.SetGroup(ctx, s.files, name, group); err != nil {
		return wire.Reply{}, err
	}
	return ok(200, "Group set.")
}

// SITE UTIME <time> <path>, or with the path first and three times behind, as lftp and
// ncftp send it: sets the times of the last change and the last reading.
func (s *session) siteUtime(ctx context.Context, arg string) (wire.Reply, error) {
	modify, access, _, path, err := wire.ParseUTime(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	name, err := s.existing(ctx, path)
	if err != nil {
		return wire.Reply{}, err
	}
	// The long form always names a third time, which Unix keeps to itself (the time of
	// the last change of attributes). It would help nobody to refuse the other two
	// times because of the third.
	if err := driver.SetTimes(ctx, s.files, name, driver.Times{Modify: modify, Access: access}); err != nil {
		return wire.Reply{}, err
	}
	return ok(200, "Times set.")
}

// SITE SYMLINK <target> <path>: the target is a path as the client sees it, and no link
// leads out of the client's files.
func (s *session) siteSymlink(ctx context.Context, arg string) (wire.Reply, error) {
	target, path, _ := strings.Cut(arg, " ")
	if target == "" || path == "" {
		return wire.Reply{}, errUsage
	}
	name, err := s.fileName(ctx, path)
	if err != nil {
		return wire.Reply{}, err
	}
	if target, err = s.name(ctx, target); err != nil {
		return wire.Reply{}, err
	}
	if err := driver.Symlink(ctx, s.files, target, name); err != nil {
		return wire.Reply{}, err
	}
	return ok(200, "Link made.")
}

// SITE MKDIR <path>: MKD by another name.
func (s *session) siteMkdir(ctx context.Context, arg string) (wire.Reply, error) {
	return s.cmdMkd(ctx, arg)
}

// SITE RMDIR <path>: RMD by another name.
func (s *session) siteRmdir(ctx context.Context, arg string) (wire.Reply, error) {
	return s.cmdRmd(ctx, arg)
}
