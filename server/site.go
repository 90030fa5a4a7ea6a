package server

import (
	"context"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// siteCommand is a row of SITE's own table.
type siteCommand struct {
	run  handler
	help string
}

var siteCommands map[string]siteCommand

func init() {
	siteCommands = map[string]siteCommand{
		"CHMOD":   {(*session).siteChmod, "CHMOD <mode> <path>"},
		"CHGRP":   {(*session).siteChgrp, "CHGRP <group> <path>"},
		"UTIME":   {(*session).siteUtime, "UTIME <time> <path>"},
		"SYMLINK": {(*session).siteSymlink, "SYMLINK <target> <path>"},
		"MKDIR":   {(*session).siteMkdir, "MKDIR <path>"},
		"RMDIR":   {(*session).siteRmdir, "RMDIR <path>"},
		"CPFR":    {(*session).siteCpfr, "CPFR <file>"},
		"CPTO":    {(*session).siteCpto, "CPTO <file>"},
		"HELP":    {(*session).siteHelp, "HELP"},
	}
}

// SITE <command>: RFC 959, section 4.1.3.
func (s *session) cmdSite(ctx context.Context, arg string) (wire.Reply, error) {
	verb, rest := wire.SplitVerb(arg)
	row, found := siteCommands[verb]
	if verb != "CPTO" {
		s.cpfr = ""
	}
	switch {
	case !found:
		return ok(504, "Unknown SITE command; try SITE HELP.")
	case s.isOff(siteName(verb)):
		return switchedOff(siteName(verb)), nil
	case rest == "" && strings.Contains(row.help, "<"):
		return ok(501, "Usage: SITE "+row.help)
	}
	return row.run(s, ctx, rest)
}

func (s *session) siteHelp(context.Context, string) (wire.Reply, error) {
	lines := []string{"SITE commands:"}
	for verb, row := range siteCommands {
		if s.isOff(siteName(verb)) {
			continue
		}
		lines = append(lines, " SITE "+row.help)
	}
	slices.Sort(lines[1:])
	return wire.Multi(214, append(lines, "End.")...), nil
}

// twoArgs splits "<word> <path>" and resolves the path.
func (s *session) twoArgs(ctx context.Context, arg, usage string) (word, name string, err error) {
	word, path, _ := strings.Cut(arg, " ")
	if word == "" || path == "" {
		return "", "", &driver.Error{Code: 501, Text: "Usage: SITE " + usage}
	}
	name, err = s.existing(ctx, path)
	return word, name, err
}

func (s *session) siteChmod(ctx context.Context, arg string) (wire.Reply, error) {
	word, name, err := s.twoArgs(ctx, arg, siteCommands["CHMOD"].help)
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

func (s *session) siteChgrp(ctx context.Context, arg string) (wire.Reply, error) {
	group, name, err := s.twoArgs(ctx, arg, siteCommands["CHGRP"].help)
	if err != nil {
		return wire.Reply{}, err
	}
	if err := driver.SetGroup(ctx, s.files, name, group); err != nil {
		return wire.Reply{}, err
	}
	return ok(200, "Group set.")
}

func (s *session) siteUtime(ctx context.Context, arg string) (wire.Reply, error) {
	modify, access, _, path, err := wire.ParseUTime(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	name, err := s.existing(ctx, path)
	if err != nil {
		return wire.Reply{}, err
	}
	// The long form always names a third time, which Unix keeps to itself (it is
	// the time of the last change of attributes): refusing the other two over it
	// would help nobody.
	if err := driver.SetTimes(ctx, s.files, name, driver.Times{Modify: modify, Access: access}); err != nil {
		return wire.Reply{}, err
	}
	return ok(200, "Times set.")
}

// siteSymlink makes a link. The target is a path as the client sees it, so a
// link can't lead out of its files.
func (s *session) siteSymlink(ctx context.Context, arg string) (wire.Reply, error) {
	target, path, _ := strings.Cut(arg, " ")
	if target == "" || path == "" {
		return ok(501, "Usage: SITE "+siteCommands["SYMLINK"].help)
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

func (s *session) siteMkdir(ctx context.Context, arg string) (wire.Reply, error) {
	return s.cmdMkd(ctx, arg)
}

func (s *session) siteRmdir(ctx context.Context, arg string) (wire.Reply, error) {
	return s.cmdRmd(ctx, arg)
}
