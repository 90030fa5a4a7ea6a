package server

import (
	"context"
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

// OPTS <command> [<options>]: RFC 2389, section 4.
func (s *session) cmdOpts(_ context.Context, arg string) (wire.Reply, error) {
	verb, options := wire.SplitVerb(arg)
	row := commands[verb]
	switch {
	case verb == "UTF8" || verb == "UTF-8":
		return optsUTF8(options)
	case row == nil || row.opts == nil || s.isOff(verb):
		return ok(501, "No options for "+verb+".")
	}
	return row.opts(s, options)
}

// optsUTF8 is OPTS UTF8 [ON|OFF], for which there is no verb. Names are the bytes
// that the files have, UTF-8 as a rule (RFC 2640), and never converted; clients say
// so in many ways.
func optsUTF8(options string) (wire.Reply, error) {
	if strings.EqualFold(options, "OFF") {
		return ok(504, "Names are sent as they are stored.")
	}
	return ok(200, "Names are UTF-8.")
}

// optsMlst is OPTS MLST [<facts>]: RFC 3659, section 7.9.
func (s *session) optsMlst(options string) (wire.Reply, error) {
	s.facts = wire.ParseFacts(options)
	return ok(200, strings.TrimSuffix("MLST OPTS "+s.facts.String(), " "))
}

// featMlst returns the line of FEAT, with stars behind the facts in force (RFC 3659,
// section 7.8).
func (s *session) featMlst() string { return "MLST " + s.facts.Feat() }

// optsMode is OPTS MODE Z [LEVEL <level>]: draft-preston-ftpext-deflate.
func (s *session) optsMode(options string) (wire.Reply, error) {
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

// featMode returns the line of FEAT: MODE S needs none.
func (s *session) featMode() string {
	if s.srv.Compress {
		return "MODE Z"
	}
	return ""
}
