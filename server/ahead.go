package server

import (
	"context"
	"errors"
)

// ahead does the work of a transfer that comes before 150, such as opening the
// file, so that a transfer which can't succeed is refused in time: most clients
// hear nothing any more once they have begun to send. Meanwhile the attendant hears
// the client, so that ABOR and the client's end reach the driver by t.ctx. The
// attendant answers nothing, because the reply to this command comes first. After
// an error the transfer is over.
func (s *session) ahead(t *transfer, work func() error) error {
	s.inbox.relieve()
	for _, in := range s.inbox.waiting() {
		s.abortBy(in, t)
	}
	s.inbox.attend(attendAfter, func() {
		s.listen(func(in input) bool {
			s.inbox.put(in)
			s.abortBy(in, t)
			return true
		})
	})
	err := rescued(work)
	s.inbox.relieve()
	if !s.inbox.held() {
		s.watch() // for what is left of the command
	}
	var panicked *panicError
	if cause := context.Cause(t.ctx); cause != nil && !errors.As(err, &panicked) {
		err = &dataError{426, "Transfer aborted.", cause}
	}
	if err != nil {
		t.cancel(nil)
		if t.file != nil {
			t.file.Close()
		}
	}
	return err
}
