package server

import (
	"context"
	"log/slog"
	"strings"

	"github.com/sallyport/sallyport/internal/wire"
)

// TYPE <code>: RFC 959, section 3.1.1. A session starts in TYPE I. Section 5.1 has
// TYPE A, which destroys what cameras and scanners store: they send no TYPE.
func (s *session) cmdType(_ context.Context, arg string) (wire.Reply, error) {
	ascii, err := wire.ParseType(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	s.ascii = ascii
	if ascii {
		return ok(200, "Type is A.")
	}
	return ok(200, "Type is I.")
}

// converts reports whether a transfer of a file converts line ends.
func (s *session) converts() bool { return s.ascii && !s.srv.NeverConvert }

// STRU F: RFC 959, section 3.1.2. Records and pages have died out.
func (s *session) cmdStru(_ context.Context, arg string) (wire.Reply, error) {
	if strings.EqualFold(arg, "F") {
		return ok(200, "Structure is F.")
	}
	return ok(504, "Only STRU F is implemented.")
}

// MODE S|Z: RFC 959, section 3.4.1, and draft-preston-ftpext-deflate.
func (s *session) cmdMode(_ context.Context, arg string) (wire.Reply, error) {
	switch strings.ToUpper(arg) {
	case "S":
		s.deflate = false
		return ok(200, "Mode is S.")
	case "Z":
		if s.srv.Compress {
			s.deflate = true
			return ok(200, "Mode is Z.")
		}
	}
	return ok(504, "Only MODE S is available.")
}

// ALLO <bytes>: RFC 959, section 4.1.3. The answer is 200 and not 202, on which
// some cameras try for ever.
func (s *session) cmdAllo(_ context.Context, arg string) (wire.Reply, error) {
	size, err := wire.ParseALLO(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	s.alloc = size
	return ok(200, "Noted.")
}

// REST <bytes>: RFC 3659, section 5. It stays in force until a transfer, PASV in
// between included.
func (s *session) cmdRest(_ context.Context, arg string) (wire.Reply, error) {
	n, err := wire.ParseSize(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	s.restart, s.until = n, 0
	return okf(350, "Restarting at %d.", n)
}

// SYST: RFC 959, section 4.1.3. Clients decide by it how to read LIST.
func (s *session) cmdSyst(context.Context, string) (wire.Reply, error) {
	return ok(215, "UNIX Type: L8")
}

func (s *session) cmdNoop(context.Context, string) (wire.Reply, error) {
	return ok(200, "OK.")
}

// CLNT <name>: the client names itself; nobody has to care.
func (s *session) cmdClnt(_ context.Context, arg string) (wire.Reply, error) {
	s.log(slog.LevelDebug, "client", "name", printable(arg))
	return ok(200, "Noted.")
}

// CSID <facts>: draft-peterson-streamlined-ftp-command-extensions, section 6.
func (s *session) cmdCsid(_ context.Context, arg string) (wire.Reply, error) {
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
		if line := s.feature(verb); line != "" {
			lines = append(lines, " "+line)
		}
	}
	lines = append(lines, " TVFS", " UTF8")
	return wire.Multi(211, append(lines, "End")...), nil
}

// feature is the line of FEAT for a verb, empty when it is not there or not
// switched on.
func (s *session) feature(verb string) string {
	row := commands[verb]
	switch verb {
	case "MLST":
		return "MLST " + s.facts.Feat()
	case "HASH":
		return "HASH " + s.sumNames()
	case "AUTH", "PBSZ", "PROT":
		if s.srv.layer == nil {
			return ""
		}
	case "CCC":
		if s.srv.layer == nil || !s.srv.AllowCCC {
			return ""
		}
	case "MODE":
		if !s.srv.Compress {
			return ""
		}
	case "EPSV":
		if s.srv.NoEPSV {
			return ""
		}
	case "EPRT":
		if s.srv.Active == nil {
			return ""
		}
	}
	return row.feat
}

// OPTS <command> [<options>]: RFC 2389, section 4.
func (s *session) cmdOpts(_ context.Context, arg string) (wire.Reply, error) {
	verb, options := wire.SplitVerb(arg)
	switch verb {
	case "UTF8", "UTF-8":
		// Names are the bytes that the files have, UTF-8 as a rule (RFC 2640),
		// and never converted; clients say so in many ways.
		if strings.EqualFold(options, "OFF") {
			return ok(504, "Names are sent as they are stored.")
		}
		return ok(200, "Names are UTF-8.")
	case "MLST":
		s.facts = wire.ParseFacts(options)
		return ok(200, strings.TrimSuffix("MLST OPTS "+s.facts.String(), " "))
	case "HASH":
		return s.optsHash(options)
	case "MODE":
		mode, options := wire.SplitVerb(options)
		if mode != "Z" || !s.srv.Compress {
			return ok(501, "No options for MODE "+mode+".")
		}
		level, err := wire.ParseModeZ(options)
		if err != nil {
			return wire.Reply{}, err
		}
		s.level = level
		return ok(200, "Noted.")
	}
	return ok(501, "No options for "+verb+".")
}

// HELP [<command>]: RFC 959, section 4.1.3.
func (s *session) cmdHelp(ctx context.Context, arg string) (wire.Reply, error) {
	verb, rest := wire.SplitVerb(arg)
	if verb == "SITE" && rest == "" {
		return s.siteHelp(ctx, "")
	}
	if verb != "" {
		row := commands[verb]
		switch {
		case row == nil:
			return ok(502, "Unknown command.")
		case row.run == nil:
			return ok(214, row.help+" (not implemented)")
		}
		return ok(214, row.help)
	}
	lines := []string{"Commands:"}
	var line strings.Builder
	for _, verb := range verbs {
		if commands[verb].run == nil {
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
	return wire.Multi(214, append(lines, "End.")...), nil
}
