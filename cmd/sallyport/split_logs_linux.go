package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/internal/logqueue"
)

// partFormat is the environment variable that has the format of a part's log.
const partFormat = "SALLYPORT_PART_LOG"

// partLog returns the log of a part. It is written to the part's standard error, which the keeper may read.
func partLog(name string, level slog.Leveler) (*slog.Logger, *logqueue.Queue) {
	kind := os.Getenv(partFormat)
	lines := logAs(os.Stderr, kind)
	log := slog.New(format(kind, lines, level, inSeconds(kind))).With("part", name)
	takeGoLog(log)
	return log, lines
}

// partWords returns the writer for messages of a part to whoever has started the server.
func partWords(log *slog.Logger, lines *logqueue.Queue) io.Writer {
	if os.Getenv(partFormat) == formatJSON {
		return sentences{log}
	}
	return lines
}

// ofParts sends the logs of parts to the server's log. done waits until what they wrote is there.
func (l *serverLog) ofParts(s *part.Starter, left *handover) (pipe []*os.File, done func(), err error) {
	if l.to == nil && l.format == formatText {
		return nil, func() {}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	if left != nil && len(left.Log) == 2 { // older engines write to this pipe
		r.Close()
		w.Close()
		r, w = os.NewFile(uintptr(left.Log[0]), "log"), os.NewFile(uintptr(left.Log[1]), "log")
	}
	if l.format != formatText {
		s.Env = append(s.Env, partFormat+"="+formatJSON)
	}
	s.Stderr = w
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.relay(r)
	}()
	return []*os.File{r, w}, func() {
		w.Close()
		select {
		case <-ended:
		case <-time.After(logGrace):
		}
		r.Close()
	}, nil
}

// relay writes the lines of parts to the log until all parts have ended. Output that is no line of a log, such as the
// last words of a crashing Go program, is logged line by line.
func (l *serverLog) relay(r io.Reader) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		if err == io.EOF || err != nil && err != bufio.ErrBufferFull {
			return
		}
		line = bytes.TrimSuffix(line, []byte{'\n'})
		var values map[string]any
		switch {
		case l.format == formatText:
			l.queue.Write(append(line, '\n'))
		case json.Unmarshal(line, &values) != nil:
			l.Error("a process says", "line", string(line))
		case l.format == formatJSON:
			l.queue.Write(append(line, '\n'))
		default:
			l.again(values)
		}
	}
}

// again writes a line that was read as JSON, in the format of the log.
func (l *serverLog) again(values map[string]any) {
	var level slog.Level
	text, _ := values[slog.LevelKey].(string)
	if level.UnmarshalText([]byte(text)) != nil {
		level = slog.LevelError
	}
	message, _ := values[slog.MessageKey].(string)
	var args []any
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if key != slog.TimeKey && key != slog.LevelKey && key != slog.MessageKey {
			args = append(args, key, values[key])
		}
	}
	l.Log(context.Background(), level, message, args...)
}

// maxShort bounds, in bytes, a line of the audit log that goes to the keeper in a message. Longer lines go as a file,
// up to maxLine.
const (
	maxShort = 32 << 10
	maxLine  = 1 << 20
)

// auditStuck bounds how long the keeper may take to write a line. It is long, since after giving up nobody knows
// whether the line was written.
const auditStuck = 24 * time.Hour

// auditByKeeper has the keeper write lines of the audit log: the engine can neither open nor truncate the file.
type auditByKeeper struct{ e *engine }

// Write returns when the line is written.
func (a auditByKeeper) Write(line []byte) (int, error) {
	var f *os.File
	text := string(line)
	if len(line) > maxShort {
		var err error
		if f, err = packed(text); err != nil {
			return 0, err
		}
		defer f.Close()
		text = ""
	}
	err := a.e.keeper.Ask(context.Background(), auditStuck, askAudit, func(w *channel.Writer) { w.String(text) }, f, nil)
	if err != nil {
		return 0, err
	}
	return len(line), nil
}

// Close does nothing, since the keeper has the file.
func (a auditByKeeper) Close() error { return nil }

// openAudit has the keeper write the audit log, if there is to be one.
func (e *engine) openAudit(format string) {
	if format != "" {
		log := &auditLog{format: format, to: auditByKeeper{e}}
		log.begin(auditByKeeper{e}, e.log)
		e.audit = newAuditor(log)
	}
}

// openBans gets the bans in force from the keeper, and has the keeper keep them beyond the life of this process.
func (e *engine) openBans() error {
	e.makeBans()
	kept, err := fetch[keptBans](e, askBans)
	if err != nil {
		return err
	}
	e.bans.restore(kept.Bans)
	e.keepBans(func(kept keptBans) error {
		f, err := packed(kept)
		if err != nil {
			return err
		}
		defer f.Close()
		over := false
		err = e.keeper.Ask(context.Background(), usualPatience, askKept, nil, f, func(r *channel.Reader, _ *os.File) error { over = r.Bool(); return nil })
		if err == nil && !over {
			return errNowhere
		}
		return err
	})
	return nil
}

// writeAudit writes a line of the audit log for the engine.
func (k *keeper) writeAudit(c *channel.Call) error {
	line := c.String()
	f := c.File
	c.File = nil
	switch {
	case f != nil && line == "":
		if err := unpack(f, &line); err != nil {
			return err
		}
	case f != nil:
		f.Close()
		return channel.ErrMessage
	}
	if k.audit == nil || len(line) == 0 || len(line) > maxLine {
		return channel.ErrMessage
	}
	return k.audit.relay(line)
}

// keptBans keeps the bans of the engine in memory, and over a restart if there is a state directory.
func (k *keeper) keptBans(e *engineProcess, c *channel.Call, w *channel.Writer) error {
	var kept keptBans
	f := c.File
	c.File = nil
	if err := unpack(f, &kept); err != nil {
		return err
	}
	if err := kept.check(); err != nil {
		return err
	}
	if !k.isNewest(e) {
		w.Bool(true) // ignores bans of an older engine, which knows less than the newest
		return nil
	}
	k.bans.restore(kept.Bans)
	w.Bool(k.bans.state.save())
	return nil
}
