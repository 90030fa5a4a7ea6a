package main

import (
	"bytes"
	"context"
	endian "encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// usualJournal is the socket of systemd's journal: https://systemd.io/JOURNAL_NATIVE_PROTOCOL
const usualJournal = "/run/systemd/journal/socket"

// openJournal finds the journal that listens at a path.
func openJournal(path string) (*datagrams, error) {
	d := &datagrams{path: path}
	if err := d.connect(); err != nil {
		return nil, fmt.Errorf("there is no journal of systemd: %w", err)
	}
	return d, nil
}

// journalHandler writes each record as an entry of the journal. The field MESSAGE is the line of the text format
// without time and level, and each attribute is a field, too, such as SALLYPORT_USER for user.
type journalHandler struct {
	to      io.Writer
	level   slog.Leveler
	rewrite func(groups []string, a slog.Attr) slog.Attr // nil for none
	attrs   []slog.Attr
	group   string // the prefix of attributes' names
}

// Enabled reports whether records of a level are written.
func (h *journalHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// WithAttrs returns a handler that adds attributes to each record.
func (h *journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = append([]slog.Attr{}, h.attrs...)
	for _, a := range attrs {
		with.attrs = append(with.attrs, slog.Attr{Key: h.group + a.Key, Value: a.Value})
	}
	return &with
}

// WithGroup returns a handler that puts name and a dot before the names of further attributes.
func (h *journalHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.group += name + "."
	return &with
}

// Handle writes a record as one entry.
func (h *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := append([]slog.Attr{}, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, slog.Attr{Key: h.group + a.Key, Value: a.Value})
		return true
	})
	var entry, line bytes.Buffer
	journalField(&entry, "PRIORITY", priority(r.Level))
	journalField(&entry, "SYSLOG_IDENTIFIER", "sallyport")
	if h.rewrite != nil {
		if a := h.rewrite(nil, slog.String(slog.MessageKey, r.Message)); a.Key != slog.MessageKey {
			journalField(&entry, "SALLYPORT_"+fieldName(a.Key), a.Value.String())
		}
	}
	bare := slog.NewRecord(time.Time{}, r.Level, "", 0)
	for _, a := range attrs {
		a.Value = a.Value.Resolve()
		if h.rewrite != nil {
			a = h.rewrite(nil, a)
		}
		if a.Key == "" {
			continue
		}
		bare.AddAttrs(a)
		journalField(&entry, "SALLYPORT_"+fieldName(a.Key), a.Value.String())
	}
	text := slog.NewTextHandler(&line, &slog.HandlerOptions{Level: r.Level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.LevelKey || a.Key == slog.MessageKey {
			return slog.Attr{}
		}
		return a
	}})
	if err := text.Handle(ctx, bare); err != nil {
		return err
	}
	journalField(&entry, "MESSAGE", strings.TrimSpace(r.Message+" "+line.String()))
	_, err := h.to.Write(entry.Bytes())
	return err
}

// priority returns the number of a level in syslog: RFC 5424, section 6.2.1.
func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "3"
	case l >= slog.LevelWarn:
		return "4"
	case l >= slog.LevelInfo:
		return "6"
	}
	return "7"
}

// fieldName returns the name of an attribute in the characters that the journal allows.
func fieldName(key string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(key))
}

// journalField adds a field to an entry. A value with line ends is written behind its length.
func journalField(b *bytes.Buffer, name, value string) {
	b.WriteString(name)
	if !strings.Contains(value, "\n") {
		b.WriteString("=" + value + "\n")
		return
	}
	b.WriteByte('\n')
	b.Write(endian.LittleEndian.AppendUint64(nil, uint64(len(value))))
	b.WriteString(value + "\n")
}
