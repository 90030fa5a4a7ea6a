// Package nopanic calls the functions of a program that embeds this module, so that a panic there is an error and not
// the end of the process.
package nopanic

import (
	"fmt"
	"runtime/debug"
)

// Panic is the error that a panic becomes.
type Panic struct {
	What  string // the function that panicked
	Value any    // of panic
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("%s panicked: %v", p.What, p.Value) }

// Call returns what f returns, or a [Panic] if f panics. what names f there.
func Call[T any](what string, f func() (T, error)) (result T, err error) {
	defer recovered(what, &err)
	return f()
}

// Do is Call of a function that returns no more than an error.
func Do(what string, f func() error) (err error) {
	defer recovered(what, &err)
	return f()
}

// recovered makes an error of a panic. It is to be deferred.
func recovered(what string, err *error) {
	if v := recover(); v != nil {
		*err = &Panic{what, v, debug.Stack()}
	}
}
