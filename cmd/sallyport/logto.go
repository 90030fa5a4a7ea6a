package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/internal/logqueue"
)

// logGrace is how long the end of the program waits for whoever reads the log.
const logGrace = time.Second

// Formats of logs.
const (
	formatText    = "text"
	formatJSON    = "json"
	formatJournal = "journald"
)

// format makes a handler that writes to w what the option of that name says.
func format(name string, w io.Writer, level slog.Leveler, rewrite func([]string, slog.Attr) slog.Attr) slog.Handler {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: rewrite}
	switch name {
	case formatJSON:
		return slog.NewJSONHandler(w, options)
	case formatJournal:
		return &journalHandler{to: w, level: level, rewrite: rewrite}
	}
	return slog.NewTextHandler(w, options)
}

// logTo puts a queue before a writer of log lines, so that neither the server nor
// its end ever waits for whoever reads them.
func logTo(w io.Writer) *logqueue.Queue { return logAs(w, formatText) }

// logAs does what logTo does, for lines of a format.
func logAs(w io.Writer, name string) *logqueue.Queue {
	return logqueue.New(w, 0, func(dropped uint64) string {
		var line bytes.Buffer
		slog.New(format(name, &line, slog.LevelInfo, nil)).Warn("log lines are missing here: nobody took them in time", "lines", dropped)
		return line.String()
	})
}

// say writes the last words of the program, for which nobody has to listen.
func say(w io.Writer, text string) {
	lines := logTo(w)
	fmt.Fprintln(lines, text)
	lines.Close(logGrace)
}
