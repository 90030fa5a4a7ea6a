package server

import (
	"context"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// REST <bytes>: RFC 3659, section 5. The offset stays in force until a transfer,
// PASV in between included.
func (s *session) cmdRest(_ context.Context, arg string) (wire.Reply, error) {
	n, err := wire.ParseSize(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	s.restart, s.until = n, 0
	return okf(350, "Restarting at %d.", n)
}

// RANG <first> <last>: draft-bryan-ftp-range, section 3. The range stays in force
// until a transfer or HASH, and takes the place of REST.
func (s *session) cmdRang(_ context.Context, arg string) (wire.Reply, error) {
	span, err := wire.ParseRANG(arg)
	if err != nil {
		return wire.Reply{}, err
	}
	if span.IsWhole() {
		s.restart, s.until = 0, 0
		return ok(350, "The range is the whole file again.")
	}
	s.restart, s.until = span.Start, span.End
	return okf(350, "Restarting at %d. End byte range at %d.", span.Start, span.End-1)
}

// takeRestart returns what REST or RANG set, for one transfer; until is 0 when the
// transfer goes on to the end of the file.
func (s *session) takeRestart() (offset, until int64, err error) {
	offset, until = s.restart, s.until
	s.restart, s.until = 0, 0
	if (offset > 0 || until > 0) && s.converts() {
		// After conversion of line ends no offset means the same on both sides.
		return 0, 0, &driver.Error{Code: 554, Text: "REST and RANG do not work in TYPE A; send TYPE I first."}
	}
	return offset, until, nil
}
