package ftpstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// recorder is a slog.Handler that passes everything on and keeps the errors
// that nobody expects.
type recorder struct {
	to      slog.Handler // nil for nobody
	text    slog.Handler // writes one record to found.line
	found   *found
	allowed []string
}

// found is what the handlers share that WithAttrs and WithGroup make.
type found struct {
	mu   sync.Mutex
	line bytes.Buffer
	list []error
}

func newRecorder(to *slog.Logger, allowed []string) *recorder {
	r := &recorder{found: new(found), allowed: allowed}
	if to != nil {
		r.to = to.Handler()
	}
	r.text = slog.NewTextHandler(&r.found.line, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}})
	return r
}

func (r *recorder) logger() *slog.Logger { return slog.New(r) }

// errors returns the unexpected errors logged so far, joined.
func (r *recorder) errors() error {
	r.found.mu.Lock()
	defer r.found.mu.Unlock()
	return errors.Join(r.found.list...)
}

// Enabled implements slog.Handler.
func (r *recorder) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || r.to != nil && r.to.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (r *recorder) Handle(ctx context.Context, rec slog.Record) error {
	if rec.Level >= slog.LevelError {
		r.note(ctx, rec)
	}
	if r.to == nil || !r.to.Enabled(ctx, rec.Level) {
		return nil
	}
	return r.to.Handle(ctx, rec)
}

func (r *recorder) note(ctx context.Context, rec slog.Record) {
	f := r.found
	f.mu.Lock()
	defer f.mu.Unlock()
	f.line.Reset()
	_ = r.text.Handle(ctx, rec)
	line := strings.TrimSpace(f.line.String())
	for _, part := range r.allowed {
		if strings.Contains(line, part) {
			return
		}
	}
	f.list = append(f.list, fmt.Errorf("ftpstest: the server logged an error: %s", line))
}

// WithAttrs implements slog.Handler.
func (r *recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	return r.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (r *recorder) WithGroup(name string) slog.Handler {
	return r.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (r *recorder) with(change func(slog.Handler) slog.Handler) *recorder {
	c := *r
	c.text = change(r.text)
	if r.to != nil {
		c.to = change(r.to)
	}
	return &c
}
