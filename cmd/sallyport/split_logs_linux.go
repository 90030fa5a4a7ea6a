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

// partFormat is the variable that tells parts the format of their logs.
const partFormat = "SALLYPORT_PART_LOG"

// partLog returns the log of a part, which the keeper reads or standard error gets.
func partLog(name string, level slog.Leveler) (*slog.Logger, *logqueue.Queue) {
	kind := os.Getenv(partFormat)
	lines := logAs(os.Stderr, kind)
	return slog.New(format(kind, lines, level, inSeconds(kind))).With("part", name), lines
}

// partWords returns where a part says something to whoever has started the server.
func partWords(log *slog.Logger, lines *logqueue.Queue) io.Writer {
	if os.Getenv(partFormat) == formatJSON {
		return sentences{log}
	}
	return lines
}

// ofParts has the logs of parts go where the log goes. done waits for what they wrote.
func (l *serverLog) ofParts(s *part.Starter, left *handover) (pipe []*os.File, done func(), err error) {
	if l.to == nil && l.format == formatText {
		return nil, func() {}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	if left != nil && len(left.Log) == 2 { // to which older engines write
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

// relay writes the lines of parts to the log until all parts have ended. Of what is no line of a log, such as the last
// words of a Go program, each line becomes one.
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

// again writes a line in JSON once more, in the format of the log.
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

// maxShort is how long a line of the audit log may be that goes to the keeper in the message itself, in bytes. Longer
// ones go as a file, as long as maxLine.
const (
	maxShort = 32 << 10
	maxLine  = 1 << 20
)

// auditStuck is how long the keeper may take for a line: nobody knows what becomes of a line that is not waited for.
const auditStuck = 24 * time.Hour

// auditByKeeper has the keeper write lines of the audit log, whose file the engine can neither open nor shorten.
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

// Close does nothing: the file is the keeper's.
func (a auditByKeeper) Close() error { return nil }

// openAudit has lines of the audit log go to the keeper, if there is one.
func (e *engine) openAudit(format string) {
	if format != "" {
		log := &auditLog{format: format, to: auditByKeeper{e}}
		log.begin(auditByKeeper{e}, e.log)
		e.audit = newAuditor(log)
	}
}

// openBans gets the bans that hold from the keeper, who keeps them when this process dies, too.
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

// writeAudit writes a line for the engine.
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

// keptBans keeps bans for the engine: here, and over a restart if there is a place for them.
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
		w.Bool(true) // it knows less than the newest one
		return nil
	}
	k.bans.restore(kept.Bans)
	w.Bool(k.bans.state.save())
	return nil
}
