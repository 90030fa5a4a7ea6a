package server

import (
	"github.com/sallyport/sallyport/internal/wire"
)

// printable makes a name from outside safe for one line of a log.
func printable(s string) string { return wire.Printable(s) }

// loggable makes an error safe likewise: a driver's may quote a name.
func loggable(err error) any {
	if err == nil {
		return nil
	}
	if text := err.Error(); printable(text) != text {
		return printable(text)
	}
	return err
}
