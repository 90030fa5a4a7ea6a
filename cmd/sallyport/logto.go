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

// logTo puts a queue before a writer of log lines, so that neither the server nor
// its end ever waits for whoever reads them.
func logTo(w io.Writer) *logqueue.Queue {
	return logqueue.New(w, 0, func(dropped uint64) string {
		var line bytes.Buffer
		slog.New(slog.NewTextHandler(&line, nil)).Warn("log lines are missing here: nobody took them in time", "lines", dropped)
		return line.String()
	})
}

// say writes the last words of the program, for which nobody has to listen.
func say(w io.Writer, text string) {
	lines := logTo(w)
	fmt.Fprintln(lines, text)
	lines.Close(logGrace)
}
