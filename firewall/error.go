package firewall

import (
	"fmt"
	"strings"
)

// FieldError is one thing that is wrong. Every error of this package is a FieldError, or several joined by
// [errors.Join]. A program that calls fields by other names, such as options, can put those names in front of Err.
type FieldError struct {
	// Fields names the fields of [Setup], any of which could be changed, or is "Side" or "Kind" for an argument of
	// that type. It has at least one name.
	Fields []string
	// Err says what is wrong, and names none of the Fields.
	Err error
}

func (e *FieldError) Error() string {
	return "firewall: " + strings.Join(e.Fields, ", ") + ": " + e.Err.Error()
}

func (e *FieldError) Unwrap() error { return e.Err }

// wrong makes a FieldError; fields are separated by blanks.
func wrong(fields, format string, args ...any) error {
	return &FieldError{strings.Fields(fields), fmt.Errorf(format, args...)}
}
