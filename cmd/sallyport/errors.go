package main

import (
	"strconv"
	"strings"
	"unicode"
)

// usageError is everything that is wrong with a command line.
type usageError struct {
	command  string // for "help"; empty for none
	problems []error
}

func (e *usageError) Error() string { return join(e.problems) }

func (e *usageError) Unwrap() []error { return e.problems }

// complaint returns an error for people to read: one line for each thing that is
// wrong, and at last the help to read.
func complaint(err error) string {
	text := err.Error()
	if u, ok := err.(*usageError); ok {
		text += "\nsee: " + strings.TrimSpace("sallyport help "+u.command)
	}
	return "sallyport: " + strings.ReplaceAll(visible(text), "\n", "\nsallyport: ")
}

// visible returns a text with the characters escaped that nobody can see, such as those that turn the direction of
// text.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r == '\n' || r == '\t' || unicode.IsGraphic(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
	}
	return b.String()
}

func join(errs []error) string {
	var lines []string
	for _, err := range errs {
		lines = append(lines, err.Error())
	}
	return strings.Join(lines, "\n")
}
