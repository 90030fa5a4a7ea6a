package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/internal/logqueue"
)

// logGrace bounds how long the program, when it ends, waits for readers of the
// log.
const logGrace = time.Second

// Formats of logs.
const (
	formatText    = "text"
	formatJSON    = "json"
	formatJournal = "journald"
)

// format returns a handler that writes records to w in the format of that name.
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

// logTo puts a queue in front of a writer of log lines, so that neither the
// server nor its end waits for readers of the log.
func logTo(w io.Writer) *logqueue.Queue { return logAs(w, formatText) }

// logAs is logTo for lines of a format.
func logAs(w io.Writer, name string) *logqueue.Queue {
	return logqueue.New(w, 0, func(dropped uint64) string {
		var line bytes.Buffer
		slog.New(format(name, &line, slog.LevelInfo, nil)).Warn("log lines are missing here: nobody took them in time", "lines", dropped)
		return line.String()
	})
}

// say writes a last message, and gives up after logGrace if nobody reads it.
func say(w io.Writer, text string) {
	lines := logTo(w)
	fmt.Fprintln(lines, text)
	lines.Close(logGrace)
}
