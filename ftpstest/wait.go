package ftpstest

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// waitLimit is how long WaitFile waits under a context without a deadline.
const waitLimit = 10 * time.Second

// WaitFile waits until a client has stored a file of that name, or renamed one
// to it, and returns what the file holds then. The file is whole: an upload
// under way doesn't count. A file that was stored before the call does. Failure
// ends the test, when ctx ends or, if ctx has no deadline, after ten seconds.
func (s *Server) WaitFile(ctx context.Context, name string) string {
	s.t.Helper()
	content, err := s.await(ctx, name)
	if err != nil {
		s.fatal("wait for %s: %v", name, err)
	}
	return content
}

func (s *Server) await(ctx context.Context, name string) (string, error) {
	name, err := wire.Resolve(".", name)
	if err != nil {
		return "", err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, waitLimit, fmt.Errorf("no client has stored it for %v", waitLimit))
		defer cancel()
	}
	for {
		where, changed := s.arrivals.find(name)
		if where != nil {
			return readAll(ctx, where, name)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

func readAll(ctx context.Context, fsys driver.FS, name string) (string, error) {
	file, err := fsys.Open(ctx, name, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	return string(content), err
}
