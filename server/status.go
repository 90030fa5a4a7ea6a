package server

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/internal/wire"
)

// STAT: the state of the server, also during a transfer; STAT <path>: a LIST on
// the control connection (RFC 959, section 4.1.3), which ABOR ends.
func (s *session) cmdStat(_ context.Context, arg string) (wire.Reply, error) {
	if arg == "" {
		return s.status(), nil
	}
	if !s.loggedIn {
		return ok(530, "Please log in with USER and PASS.")
	}
	_, path := wire.ListArg(arg)
	name, err := wire.Resolve(s.cwd, path)
	if err != nil {
		return wire.Reply{}, err
	}
	var lines []string
	err = s.onFiles("STAT", name, func(t *transfer) (err error) {
		lines, err = s.statLines(t.ctx, arg)
		return err
	})
	if err != nil {
		return wire.Reply{}, err
	}
	return wire.Multi(213, lines...), nil
}

// statLines returns the lines of a listing within a reply.
func (s *session) statLines(ctx context.Context, arg string) ([]string, error) {
	l, err := s.find(ctx, arg)
	if err != nil {
		return nil, err
	}
	l.asLIST()
	lines, size := []string{"Listing:"}, 0
	for info, err := range l.entries(ctx, l) {
		if err != nil {
			return nil, err
		}
		if len(lines) > maxStatLines || size > maxStatSize {
			return append(lines, fmt.Sprintf("End; only the first %d entries are shown, use LIST.", len(lines)-1)), nil
		}
		line := l.line(ctx, nil, info)
		if l.closed != nil {
			return nil, l.closed
		}
		lines = append(lines, string(line[:len(line)-2]))
		size += len(line)
	}
	return append(lines, "End"), nil
}

// maxStatLines and maxStatSize, in bytes, bound the listing in a reply. Unlike
// other listings, such a listing is built in memory and stays there while the
// client does not read.
const (
	maxStatLines = 1000
	maxStatSize  = 96 << 10
)

// status returns the answer to STAT without an argument. It names no real path, no
// other user and no version.
func (s *session) status() wire.Reply {
	i := s.info()
	lines := []string{"Status:"}
	if i.User == "" {
		lines = append(lines, " Not logged in")
	} else {
		lines = append(lines, " Logged in as "+i.User)
	}
	typ, mode, control, data := "I", "S", "in clear", "in clear"
	if s.deflate {
		mode = "Z"
	}
	if s.ascii {
		typ = "A"
	}
	if i.Secure {
		control = "TLS"
	}
	if s.private {
		data = "private"
	}
	lines = append(lines,
		fmt.Sprintf(" Control connection: %s; data connections: %s", control, data),
		fmt.Sprintf(" TYPE: %s; STRU: F; MODE: %s", typ, mode))
	if t := s.moving; t != nil {
		lines = append(lines, fmt.Sprintf(" Transfer: %s %s, %d bytes so far", t.verb, t.path, i.Transferred))
	} else {
		lines = append(lines, " No transfer is running")
	}
	return wire.Multi(211, append(lines, "End")...)
}
