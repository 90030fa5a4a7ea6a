package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/sallyport/sallyport/internal/logqueue"
)

// serverLog is the log of the server, and where the options send it.
type serverLog struct {
	*slog.Logger
	level  *slog.LevelVar
	format string
	words  io.Writer // gets messages for whoever has started the server
	queue  *logqueue.Queue
	to     io.Closer // nil for stderr
	err    error     // why the log's file can't be opened; the log goes to stderr then
}

// openLog opens the log. If there is no journal, the log goes to stderr and says so.
func (s *settings) openLog(stderr io.Writer) *serverLog {
	l := &serverLog{level: new(slog.LevelVar)}
	l.level.Set(s.level)
	to, name := stderr, s.logFormat
	var missing error
	switch {
	case name == formatJournal:
		j, err := openJournal(usualJournal)
		if missing = err; err != nil {
			name = formatText
			break
		}
		to, l.to = j, j
	case s.log != "":
		f, err := openLogFile(s.log, ownLog, func(err error) { fmt.Fprintln(stderr, followed(s.log, err)) })
		if err != nil {
			l.err = s.told("log", err)
			break
		}
		to, l.to = f, f
	}
	l.format, l.queue = name, logAs(to, name)
	l.Logger = slog.New(format(name, l.queue, l.level, inSeconds(name)))
	takeGoLog(l.Logger)
	l.words = l.queue
	if l.to != nil || name != formatText {
		l.words = sentences{l.Logger}
	}
	if missing != nil {
		l.Error("the log goes to stderr", "option", s.at("log-format"), "problem", missing)
	}
	return l
}

// followed returns in words what has happened to the name of a log file.
func followed(path string, err error) string {
	if err == nil {
		return fmt.Sprintf("sallyport: log lines go to %s again", path)
	}
	return fmt.Sprintf("sallyport: %s can't be opened anew, and lines go to the file that had this name: %v", path, err)
}

// inSeconds returns a function that writes durations in seconds, as the control socket
// does; nil for formats other than JSON.
func inSeconds(name string) func([]string, slog.Attr) slog.Attr {
	if name != formatJSON {
		return nil
	}
	return func(_ []string, a slog.Attr) slog.Attr { return secondsOf(a) }
}

// secondsOf turns a duration into seconds, and leaves other attributes alone.
func secondsOf(a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.Float64Value(a.Value.Duration().Seconds())
	}
	return a
}

// close waits for readers of the log, for logGrace at most.
func (l *serverLog) close() {
	l.queue.Close(logGrace)
	if l.to != nil && l.queue.Written(0) {
		l.to.Close()
	}
}

// sentences logs each line that is written to it.
type sentences struct{ log *slog.Logger }

func (w sentences) Write(sentence []byte) (int, error) {
	w.log.Info(strings.TrimSpace(string(sentence)))
	return len(sentence), nil
}

// checkLogs reports what is wrong with the options of logs.
func (m *mistakes) checkLogs(s *settings) {
	if s.logFormat == formatJournal && s.log != "" {
		m.say("%s names a file, and %s "+formatJournal+" sends the log elsewhere: give one of the two", s.at("log"), s.at("log-format"))
	}
	if _, set := s.sources["audit-format"]; set && s.auditLog == formatJournal {
		m.say("%s "+formatJournal+" has a format of its own: leave out %s", s.at("audit-log"), s.at("audit-format"))
	}
	if s.log != "" && s.log == s.auditLog {
		m.say("%s and %s name the same file: give each one of its own", s.at("log"), s.at("audit-log"))
	}
	m.checkVsftpdLogs(s)
}

// lookAtLogs notes that the log would go elsewhere.
func (c *inspection) lookAtLogs() {
	if c.logFormat == formatJournal {
		if err := checkJournal(); err != nil {
			c.notes = append(c.notes, fmt.Sprintf("%s: %v: here the log would go to stderr", c.at("log-format"), err))
		}
	}
	c.lookAtVsftpdLogs()
}

// checkJournal reports why systemd's journal can't be used.
func checkJournal() error {
	j, err := openJournal(usualJournal)
	if err == nil {
		j.Close()
	}
	return err
}
