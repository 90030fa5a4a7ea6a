package server

import (
	"context"
	"io"
	"path"
	"strings"
	"unicode"

	"github.com/sallyport/sallyport/internal/wire"
)

// Bounds of DirMessage.
const (
	maxMessage      = 40_000 // bytes of one
	maxMessageLines = 200
	maxMessages     = 1000 // of a session
)

// entered returns the reply to a command after which the session is in cwd, with the text
// of DirMessage in front.
func (s *session) entered(ctx context.Context, code int, text string) (wire.Reply, error) {
	return wire.Multi(code, append(s.dirMessage(ctx), text)...), nil
}

// dirMessage returns the lines of DirMessage in cwd; nil if the session has got them before.
// A file that can't be read counts as none.
func (s *session) dirMessage(ctx context.Context) []string {
	name := s.srv.DirMessage
	if name == "" || s.told[s.cwd] || len(s.told) >= maxMessages {
		return nil
	}
	if s.told == nil {
		s.told = map[string]bool{}
	}
	s.told[s.cwd] = true
	file, err := s.files.Open(ctx, path.Join(s.cwd, name), 0)
	if err != nil {
		return nil
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxMessage))
	if err != nil || len(text) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(text), "\r\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.Map(printed, line)
	}
	return lines[:min(len(lines), maxMessageLines)]
}

// printed returns a rune of a message, or -1 for one that could command a terminal.
func printed(r rune) rune {
	if unicode.IsControl(r) && r != '\t' {
		return -1
	}
	return r
}
