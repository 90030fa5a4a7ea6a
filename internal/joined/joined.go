// Package joined takes apart what errors.Join has put together.
package joined

import "errors"

// Errors returns the errors that errors.Join made err of, err alone if it did not, and
// none for nil. Use it to put a prefix before each of them: a prefix before a joined
// error stands before its first line only.
func Errors(err error) []error {
	if err == nil {
		return nil
	}
	parts, ok := err.(interface{ Unwrap() []error })
	if !ok || err.Error() != errors.Join(parts.Unwrap()...).Error() { // such as fmt.Errorf with two %w
		return []error{err}
	}
	var all []error
	for _, part := range parts.Unwrap() {
		all = append(all, Errors(part)...)
	}
	return all
}
