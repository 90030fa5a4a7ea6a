package ftpstest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/wire"
	"github.com/sallyport/sallyport/server"
)

// kept is how many lines of the transcript, and how many transfers, are kept:
// more than a test needs, and little enough for a server that runs for days.
const kept = 10000

// transcript holds what was said.
type transcript struct {
	mu    sync.Mutex
	lines []line
	lost  int
	copy  io.Writer // gets each line as well; nil for nobody
}

// line is one line of the transcript.
type line struct {
	session int
	who     byte // 'C' for the client, 'S' for the server, '-' for what happened
	text    string
}

func (l line) String() string {
	if l.who == '-' {
		return fmt.Sprintf("%d -- %s", l.session, l.text)
	}
	return fmt.Sprintf("%d %c: %s", l.session, l.who, l.text)
}

// Transcript returns every command and reply up to now, but no passwords, and
// what happened in between: connections, transfers, faults. Each line begins
// with the number of its session, counted from 1.
//
//	1 C: USER test
//	1 S: 331 Password required.
//	1 -- RETR /a.txt: 1000 bytes, protected, resumed
//
// The last 10,000 lines are kept.
func (s *Server) Transcript() string { return s.transcript.String() }

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	if t.lost > 0 {
		fmt.Fprintf(&b, "(%d lines before)\n", t.lost)
	}
	for _, l := range t.lines {
		b.WriteString(l.String() + "\n")
	}
	return b.String()
}

// commands returns the clients' lines.
func (t *transcript) commands() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []string
	for _, l := range t.lines {
		if l.who == 'C' {
			list = append(list, l.text)
		}
	}
	return list
}

func (t *transcript) add(s *session, who byte, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) >= 2*kept {
		t.lost += len(t.lines) - kept
		t.lines = slices.Clone(t.lines[len(t.lines)-kept:])
	}
	l := line{s.number, who, text}
	t.lines = append(t.lines, l)
	if t.copy != nil {
		io.WriteString(t.copy, l.String()+"\n")
	}
}

// command notes a command, which is empty for the greeting.
func (t *transcript) command(s *session, text string) {
	if text != "" {
		t.add(s, 'C', text)
	}
}

func (t *transcript) reply(s *session, r server.Reply) {
	text := wire.Multi(r.Code, r.Lines...).Append(nil)
	for l := range strings.Lines(string(text)) {
		t.add(s, 'S', strings.TrimRight(l, "\r\n"))
	}
}

func (t *transcript) event(s *session, format string, args ...any) {
	t.add(s, '-', fmt.Sprintf(format, args...))
}

func (t *transcript) transfer(s *session, x server.Transfer) {
	text := fmt.Sprintf("%s %s: %d bytes", x.Verb, wire.Printable(x.Path), x.Bytes)
	for _, fact := range []struct {
		is   bool
		name string
	}{{x.Protected, "protected"}, {x.Resumed, "resumed"}, {x.ASCII, "text"}, {x.Compressed, "compressed"},
		{x.Truncated, "without close_notify"}} {
		if fact.is {
			text += ", " + fact.name
		}
	}
	if x.Err != nil {
		text += ": " + wire.Printable(x.Err.Error())
	}
	t.add(s, '-', text)
}
