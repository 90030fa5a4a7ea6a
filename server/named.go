package server

import (
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
)

// naming finds the paths in the argument of a command, as the client wrote them: first
// the path that the command is about, then the paths that the command takes from.
type naming func(arg string) []string

// The forms in which commands name paths.
var (
	namesArg  naming = func(arg string) []string { return []string{arg} }
	namesUp   naming = func(string) []string { return []string{".."} }
	namesAll  naming = func(arg string) []string { names, _ := wire.ParseNames(arg); return names }
	namesList naming = func(arg string) []string {
		_, path := wire.ListArg(arg) // flags are for ls
		return []string{path}
	}
	// namesGiven is for a command that is about no path if it has no argument.
	namesGiven naming = func(arg string) []string {
		if arg == "" {
			return nil
		}
		return namesList(arg)
	}
	namesStou naming = func(arg string) []string { // the server completes the name, see session.foundPath
		if arg == "" {
			return nil
		}
		return []string{arg}
	}
	namesAfterWord naming = func(arg string) []string {
		_, path, _ := strings.Cut(arg, " ")
		if path == "" {
			return nil
		}
		return []string{path}
	}
	namesAfterTime naming = func(arg string) []string {
		stamp, path, _ := strings.Cut(arg, " ")
		if _, err := wire.ParseTime(stamp); err == nil && path != "" {
			return []string{path}
		}
		return []string{arg}
	}
	namesOfUTime naming = func(arg string) []string {
		_, _, _, path, err := wire.ParseUTime(arg)
		if err != nil {
			return nil
		}
		return []string{path}
	}
	namesAfterFacts naming = func(arg string) []string {
		_, path, err := wire.ParseMFF(arg)
		if err != nil {
			return nil
		}
		return []string{path}
	}
	namesPart naming = func(arg string) []string {
		parts, err := wire.ParsePart(arg)
		if err != nil {
			return nil
		}
		// The shortest: the numbers are a range, unless checksum finds a file whose name ends
		// in them (session.foundPath).
		return []string{parts[len(parts)-1].Path}
	}
)

// describe says what a command is about, for Hooks.Command and Intercept.Command. The
// paths are resolved against the working directory at the time, which CWD changes.
func (s *session) describe(cmd wire.Command) Command {
	hooks, intercept := s.srv.Hooks, s.srv.Intercept
	if (hooks == nil || hooks.Command == nil) && (intercept == nil || intercept.Command == nil) {
		return Command{}
	}
	c := Command{Line: cmd.Redacted()}
	row, arg := s.row(cmd)
	if row == nil || row.names == nil || !s.loggedIn {
		return c
	}
	for i, path := range row.names(arg) {
		name, err := wire.Resolve(s.cwd, path)
		switch {
		case err != nil:
		case i == 0:
			c.Path = wire.Display(name)
		default:
			c.From = append(c.From, wire.Display(name))
		}
	}
	if row.after != "" && s.source != "" && s.sourceOf == commands[row.after] {
		c.From = []string{wire.Display(s.source)}
	}
	return c
}
