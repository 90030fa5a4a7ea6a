package server

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/joined"
)

// FieldError is one thing that is wrong with the fields of a [Server], or with the
// [Settings] of [Server.Update]. Every error of [Server.Validate] and every refusal of
// Update is a FieldError, or several joined by [errors.Join]. A program that has names
// of its own for fields, as in a configuration file, puts these names in front of Err.
type FieldError struct {
	// Fields names the fields any of which could be changed to put this right. There
	// is at least one.
	Fields []string
	// Err says what is wrong. It may be an error of another package, such as driver
	// for the field Driver.
	Err error
}

func (e *FieldError) Error() string {
	return "server: " + strings.Join(e.Fields, ", ") + ": " + e.Err.Error()
}

func (e *FieldError) Unwrap() error { return e.Err }

// wrong makes a FieldError; fields are separated by blanks.
func wrong(fields, format string, args ...any) error {
	return &FieldError{strings.Fields(fields), fmt.Errorf(format, args...)}
}

// wrongAll makes a FieldError for one field of each error in err, nil for none.
func wrongAll(field string, err error) error {
	var errs []error
	for _, err := range joined.Errors(err) {
		errs = append(errs, &FieldError{[]string{field}, err})
	}
	return errors.Join(errs...)
}
