package server

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/wire"
)

// ourName begins the text of each error that this package makes.
const ourName = "server: "

// sentence joins the text for the client and the cause behind it to the text of one
// error: "The data connection broke." and "read tcp …: connection reset by peer" become
// "server: the data connection broke: read tcp …". Either may be missing.
func sentence(text string, cause error) string {
	text = uncapital(strings.TrimRight(text, ". "))
	if cause != nil {
		if text != "" {
			text += ": "
		}
		text += plain.Replace(strings.TrimPrefix(cause.Error(), ourName))
	}
	return ourName + text
}

// firstCause returns why a session ends whose goroutine has failed with err. If the
// session was ended from outside before, as by a shutdown, the cause of that end comes
// first. firstCause adds err, unless err is about the control connection, which was
// closed from outside.
func firstCause(ctx context.Context, err error) error {
	first := context.Cause(ctx)
	switch {
	case err == nil || first == nil || errors.Is(err, first):
		return err
	case errors.As(err, new(*controlError)):
		return first
	}
	return &endedIn{first, err}
}

// endedIn holds two errors of a session that was ended from outside: why the session was
// ended, and what went wrong in it meanwhile, such as a driver that did not return, or a
// handshake. errors.Is finds both.
type endedIn struct{ why, found error }

func (e *endedIn) Error() string {
	return sentence(strings.TrimPrefix(e.why.Error(), ourName), e.found)
}

func (e *endedIn) Unwrap() []error { return []error{e.why, e.found} }

// plain gives the operations that package net calls raw-read and raw-write their usual
// names. The reader of a log need not know that the server waits for the kernel by
// itself.
var plain = strings.NewReplacer("raw-read ", "read ", "raw-write ", "write ")

// uncapital makes the first letter of a sentence small, unless the word is one like
// PROT.
func uncapital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	if second, _ := utf8.DecodeRuneInString(text[size:]); unicode.IsUpper(second) || unicode.IsDigit(second) {
		return text
	}
	return string(unicode.ToLower(first)) + text[size:]
}

// controlError is why no more commands come, or why a reply could not be sent.
type controlError struct{ err error }

func (e *controlError) Error() string {
	if isEOF(e.err) {
		return ourName + "the client closed the control connection"
	}
	return sentence("The control connection broke", e.err)
}

func (e *controlError) Unwrap() error { return e.err }

// explainControl puts words around an error of the control connection, because io.EOF by
// itself is a riddle in a log. errors.Is still finds io.EOF.
func explainControl(err error) error {
	switch {
	case err == nil, errors.Is(err, wire.ErrClientHello), strings.HasPrefix(err.Error(), ourName):
		return err
	case errors.Is(err, io.EOF):
		return &controlError{io.EOF}
	}
	return &controlError{err}
}

// isEOF reports whether the control connection ended in order.
func isEOF(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
