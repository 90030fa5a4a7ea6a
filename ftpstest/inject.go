package ftpstest

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Inject adds faults, which count the commands that come from now on. A fault that
// Validate refuses ends the test.
func (s *Server) Inject(faults ...Fault) {
	for _, f := range faults {
		if err := f.Validate(); err != nil {
			s.fatal("%v", err)
		}
	}
	s.faults.add(faults)
}

// ClearFaults takes all faults away, including the faults of Config. From then on what
// stalls goes on, what was held back is sent, and transfers under way are left alone. A
// shutdown is not undone.
func (s *Server) ClearFaults() { s.faults.removeAll() }

// faults holds the faults in force.
type faults struct {
	mu   sync.Mutex
	list []*injected
}

// injected is a fault in force.
type injected struct {
	Fault
	verbs   []string
	count   int
	cleared chan struct{}
}

// strike is a fault that happens to a command.
type strike struct {
	*injected
	verb string
	done bool // it has happened to the data connection
}

func (all *faults) add(list []Fault) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, f := range list {
		i := &injected{Fault: f, cleared: make(chan struct{})}
		if f.Kind != Certificate {
			i.verbs, _ = f.verbs() // validated
		}
		all.list = append(all.list, i)
	}
}

func (all *faults) removeAll() {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, i := range all.list {
		close(i.cleared)
	}
	all.list = nil
}

// strike counts a command and returns the faults that happen to it.
func (all *faults) strike(verb string) []*strike {
	all.mu.Lock()
	defer all.mu.Unlock()
	var list []*strike
	for _, i := range all.list {
		if !slices.Contains(i.verbs, verb) {
			continue
		}
		i.count++
		if i.Nth == 0 || i.Nth == i.count {
			list = append(list, &strike{injected: i, verb: verb})
		}
	}
	return list
}

// certificate returns the fault that spoils the certificate of a "control" or "data"
// connection, nil for none.
func (all *faults) certificate(connection string) *injected {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, i := range all.list {
		if i.Kind == Certificate && (i.To == "" || i.To == "both" || i.To == connection) {
			return i
		}
	}
	return nil
}

// over reports that the fault was cleared.
func (s *strike) over() bool {
	select {
	case <-s.cleared:
		return true
	default:
		return false
	}
}

// wait returns when the fault's time is over or the fault is cleared, or with an error
// when ctx ends.
func (s *strike) wait(ctx context.Context) error {
	var timeout <-chan time.Time
	if s.For > 0 {
		t := time.NewTimer(s.For)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-timeout:
	case <-s.cleared:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}
