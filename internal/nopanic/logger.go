package nopanic

import (
	"context"
	"log/slog"
)

// Logger returns a logger that loses the lines at which the handler of l panics, since there is nobody to tell. Nil
// stays nil.
func Logger(l *slog.Logger) *slog.Logger {
	if l == nil {
		return nil
	}
	return slog.New(handler{l.Handler()})
}

// handler is a handler whose methods don't panic.
type handler struct{ slog.Handler }

func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	on, _ := Call("Enabled", func() (bool, error) { return h.Handler.Enabled(ctx, level), nil })
	return on
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	return Do("Handle", func() error { return h.Handler.Handle(ctx, r) })
}

// WithAttrs and WithGroup return h itself after a panic: a line without attributes is better than none.

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with("WithAttrs", func() slog.Handler { return h.Handler.WithAttrs(attrs) })
}

func (h handler) WithGroup(name string) slog.Handler {
	return h.with("WithGroup", func() slog.Handler { return h.Handler.WithGroup(name) })
}

func (h handler) with(what string, f func() slog.Handler) slog.Handler {
	if more, err := Call(what, func() (slog.Handler, error) { return f(), nil }); err == nil {
		return handler{more}
	}
	return h
}
