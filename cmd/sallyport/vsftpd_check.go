package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpd"
	"github.com/sallyport/sallyport/internal/joined"
)

// check prints what is to be said of the files, and serves nothing. Its error is the exit status.
func (r *vsftpdRun) check(ctx context.Context, stdout io.Writer) error {
	var b strings.Builder
	status := r.judge(ctx, &b)
	if _, err := io.WriteString(stdout, b.String()); err != nil || status == 0 {
		return err
	}
	return status
}

// judge writes what is to be said of the files, and returns the exit status.
func (r *vsftpdRun) judge(ctx context.Context, b *strings.Builder) exitStatus {
	row := func(what, text string) {
		fmt.Fprintf(b, "%s: %s\n", what, strings.ReplaceAll(text, "\n", "\n  "))
	}
	t, err := r.read()
	if err != nil {
		row("would not start", err.Error())
		return statusUsage
	}
	wrong := make([]error, 0, len(t.Mistakes))
	for _, m := range t.Mistakes {
		wrong = append(wrong, m)
	}
	var found inspection
	if len(wrong) == 0 {
		found = r.inspect(ctx, t)
		wrong = found.wrong
	}
	for _, err := range wrong {
		row("would not start", err.Error())
	}
	for _, text := range found.unwise {
		row("unwise", text)
	}
	for _, n := range t.Notes {
		row("warning", n.String())
	}
	for _, text := range found.notes {
		row("note", text)
	}
	row("firewalls must let through", t.Ports())
	switch {
	case len(wrong) > 0:
		return statusUsage
	case len(found.unwise)+len(t.Notes) > 0:
		return statusFailed
	}
	return 0
}

// inspect returns what the daemon finds out about the settings of a translation.
func (r *vsftpdRun) inspect(ctx context.Context, t *vsftpd.Translation) inspection {
	s, err := r.load(t)
	c := inspect(ctx, s)
	c.wrong = joined.Errors(c.joinedTo(err))
	return *c
}
