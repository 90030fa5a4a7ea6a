package driver_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sallyport/sallyport/driver"
)

func mkfifo(string) error { return errors.ErrUnsupported }

// Names that mean something else to Windows than to a client are refused.
func TestDirWindowsNames(t *testing.T) {
	d := openDir(t, t.TempDir())
	for _, name := range []string{`a\b`, `..\a`, `c:`, `c:a`, `file:stream`, "NUL", "com1", "dir/aux", "CONIN$"} {
		for what, call := range methods(t.Context(), d) {
			assert.ErrorIs(t, call(name), driver.ErrName, "%s %s", what, name)
		}
	}
}
