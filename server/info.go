package server

import (
	"context"
	"log/slog"
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
)

// SYST: RFC 959, section 4.1.3. By the reply clients decide how to read LIST.
func (s *session) cmdSyst(context.Context, string) (wire.Reply, error) {
	return ok(215, "UNIX Type: L8")
}

// NOOP: RFC 959, section 4.1.3.
func (s *session) cmdNoop(context.Context, string) (wire.Reply, error) {
	return ok(200, "OK.")
}

// CLNT <name>: the client names itself; nobody has to care.
func (s *session) cmdClnt(_ context.Context, arg string) (wire.Reply, error) {
	s.setClient(arg)
	s.log(slog.LevelDebug, "client", "name", printable(arg))
	return ok(200, "Noted.")
}

// CSID <facts>: draft-peterson-streamlined-ftp-command-extensions, section 6.
func (s *session) cmdCsid(_ context.Context, arg string) (wire.Reply, error) {
	s.setClient(arg)
	s.log(slog.LevelDebug, "client", "name", printable(arg))
	return ok(200, "Name=Sallyport; CaseSensitive=1; DirSep=/;")
}

// LANG [<tag>]: RFC 2640, section 4. Replies are English.
func (s *session) cmdLang(_ context.Context, arg string) (wire.Reply, error) {
	tag, _, _ := strings.Cut(strings.ToUpper(arg), "-")
	if tag == "" || tag == "EN" {
		return ok(200, "Replies are in English.")
	}
	return ok(504, "Only EN is available.")
}

// FEAT: RFC 2389, section 3. One space in front of each line.
func (s *session) cmdFeat(context.Context, string) (wire.Reply, error) {
	lines := []string{"Features:"}
	for _, verb := range verbs {
		if line := commands[verb].feature(s); line != "" {
			lines = append(lines, " "+line)
		}
	}
	lines = append(lines, " TVFS", " UTF8")
	return wire.Multi(211, append(lines, "End")...), nil
}

// HELP [<command>]: RFC 959, section 4.1.3.
func (s *session) cmdHelp(ctx context.Context, arg string) (wire.Reply, error) {
	verb, rest := wire.SplitVerb(arg)
	row, _ := s.row(wire.Command{Verb: verb, Arg: rest})
	switch {
	case verb == "":
		return s.helpAll(), nil
	case row == nil, s.isOff(row.name):
		return ok(502, "Unknown command.")
	case row.family:
		return s.siteHelp(ctx, "")
	case row.run == nil:
		return ok(214, row.help+" (not implemented)")
	}
	return ok(214, row.help)
}

// helpAll lists the verbs that work here.
func (s *session) helpAll() wire.Reply {
	lines := []string{"Commands:"}
	var line strings.Builder
	for _, verb := range verbs {
		if row := commands[verb]; row.run == nil || row.isMember() || s.isOff(verb) {
			continue
		}
		line.WriteString(" " + verb)
		if line.Len() > 60 {
			lines = append(lines, line.String())
			line.Reset()
		}
	}
	if line.Len() > 0 {
		lines = append(lines, line.String())
	}
	return wire.Multi(214, append(lines, "End.")...)
}
