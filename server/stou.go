package server

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strconv"
	"sync"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/wire"
)

// STOU [<file>]: RFC 959, section 4.1.3; the name goes into the 150 reply as
// RFC 1123, section 4.1.2.9 wants it.
func (s *session) cmdStou(ctx context.Context, arg string) (wire.Reply, error) {
	s.restart, s.until = 0, 0
	if arg == "" {
		arg = "file"
	}
	name, err := s.fileName(ctx, arg)
	if err != nil {
		return wire.Reply{}, err
	}
	unique := name
	for range 8 {
		_, err := s.files.Stat(ctx, unique)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return wire.Reply{}, err
		}
		if err != nil && s.srv.promised.take(unique) {
			defer s.srv.promised.give(unique)
			s.foundPath = unique
			return s.store(ctx, "STOU", wire.Display(unique), driver.StoreOptions{Exclusive: true}, "FILE: "+wire.Display(unique))
		}
		unique = name + "." + strconv.FormatUint(uint64(rand.Uint32()), 36)
	}
	return ok(450, "No free name found; try again.")
}

// promised holds the names that each STOU under way has told its client. Another
// STOU that begins meanwhile needs a name of its own, though no file has the
// promised name yet. The names are those of all users, as nobody knows which users
// share files; a user who shares none gets a longer name than needed, no more.
type promised struct {
	mu    sync.Mutex
	names map[string]bool
}

func (p *promised) take(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.names[name] {
		return false
	}
	if p.names == nil {
		p.names = make(map[string]bool)
	}
	p.names[name] = true
	return true
}

func (p *promised) give(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.names, name)
}
