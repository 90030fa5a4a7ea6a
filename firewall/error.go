package firewall

import (
	"fmt"
	"strings"
)

// FieldError is one thing that is wrong. Every error of this package is a FieldError, or several joined by
// [errors.Join]. A program that has names of its own for fields, such as options, puts these names in front of Err.
type FieldError struct {
	// Fields are those of [Setup] any of which could be changed, or "Side" or "Kind" for an argument of that type.
	// There is one at least.
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
