package main

import (
	"io"
	"os"
	"runtime"
	"strings"
)

// palette colours a text for a terminal. style is a key of styles.
type palette func(style, text string) string

// styles holds escape sequences of ECMA-48, which every terminal understands.
var styles = map[string]string{
	"fail":  "\x1b[1;31m",
	"warn":  "\x1b[33m",
	"info":  "\x1b[36m",
	"ok":    "\x1b[32m",
	"title": "\x1b[1m",
	"dim":   "\x1b[2m",
}

func paint(style, text string) string {
	if styles[style] == "" || text == "" {
		return text
	}
	return styles[style] + text + "\x1b[0m"
}

// colours returns the palette for w. It returns nil, which colours nothing, if w is
// no terminal, if the terminal has no colours or if NO_COLOR is set (no-color.org).
func colours(w io.Writer, env func(string) string) palette {
	file, ok := w.(*os.File)
	if !ok || env("NO_COLOR") != "" || env("TERM") == "dumb" {
		return nil
	}
	// Leaves out colours on the old console of Windows, which prints escape
	// sequences as text.
	if runtime.GOOS == "windows" && env("WT_SESSION") == "" {
		return nil
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return paint
}

// comments colours the lines that begin like a comment, so that the lines to type
// stand out.
func (p palette) comments(text string) string {
	if p == nil {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		body := strings.TrimSuffix(line, "\n")
		for _, start := range []string{"#", "!", "rem "} {
			if strings.HasPrefix(body, start) {
				line = p("dim", body) + "\n"
				break
			}
		}
		b.WriteString(line)
	}
	return b.String()
}
