package main

import (
	"bytes"
	"encoding"
	"encoding/json"
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
		options.ReplaceAttr = worded(rewrite)
		return slog.NewJSONHandler(w, options)
	case formatJournal:
		return &journalHandler{to: w, level: level, rewrite: rewrite}
	}
	return slog.NewTextHandler(w, options)
}

// worded returns a function that rewrites attributes, and then has JSON show what the text format shows for values that
// describe themselves: [slog.JSONHandler] would show their exported fields, of which they may have none.
func worded(rewrite func([]string, slog.Attr) slog.Attr) func([]string, slog.Attr) slog.Attr {
	return func(groups []string, a slog.Attr) slog.Attr {
		if rewrite != nil {
			a = rewrite(groups, a)
		}
		if a.Value.Kind() != slog.KindAny {
			return a
		}
		switch v := a.Value.Any().(type) {
		case error, json.Marshaler, encoding.TextMarshaler: // JSON shows these well
		case fmt.Stringer:
			a.Value = slog.StringValue(fmt.Sprint(v))
		}
		return a
	}
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

// takeGoLog has lines of Go's own logger, to which packages like net/http complain, written as lines of a log.
func takeGoLog(to *slog.Logger) {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	slog.SetDefault(to)
}
