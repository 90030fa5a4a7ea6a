package drivertest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// defaultPatience is how long a case may take: [Options].Patience.
const defaultPatience = 20 * time.Second

// errExited is the error of a call that never returned and did not panic.
var errExited = errors.New("the goroutine was ended (runtime.Goexit), as t.Fatal and t.FailNow do: return an error or call t.Error instead")

// A routine is a call in a goroutine of its own, so that one that hangs is noticed.
type routine struct {
	done      chan error
	goroutine chan string // its ID, once
}

// begin runs f in a goroutine; a panic is an error.
func begin(f func() error) *routine {
	r := &routine{make(chan error, 1), make(chan string, 1)}
	go func() {
		r.goroutine <- currentGoroutine()
		err := errExited
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			r.done <- err
		}()
		err = f()
	}()
	return r
}

// wait returns the error of the call. If the call takes longer than patience, the
// error says where the call hangs.
func (r *routine) wait(patience time.Duration) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-r.done:
		return err
	case <-timer.C:
		return r.stuck(patience)
	}
}

// stuck returns the error of a call that hangs, with the stacks of its goroutine
// and of all descendants.
func (r *routine) stuck(patience time.Duration) error {
	return fmt.Errorf("%w within %v:\n%s", errStuck, patience, stacksOf(<-r.goroutine))
}

// currentGoroutine returns the ID of the goroutine that calls it.
func currentGoroutine() string {
	buf := make([]byte, 64)
	buf = buf[:runtime.Stack(buf, false)]
	id, _, _ := strings.Cut(strings.TrimPrefix(string(buf), "goroutine "), " ")
	return id
}

// maxStacks is how many goroutines stacksOf shows.
const maxStacks = 10

// stacksOf returns the stacks of a goroutine and of all its descendants.
func stacksOf(id string) string {
	all := strings.Split(allStacks(), "\n\n")
	family := map[string]bool{id: true}
	var shown []string
	for grown := true; grown; {
		grown = false
		for i, stack := range all {
			if id, ok := member(stack, family); ok {
				family[id] = true
				shown, all[i], grown = append(shown, stack), "", true
			}
		}
	}
	if len(shown) > maxStacks {
		shown = append(shown[:maxStacks], fmt.Sprintf("and %d goroutines more", len(shown)-maxStacks))
	}
	return strings.Join(shown, "\n\n")
}

// member reports whether a stack is that of a goroutine of a family or of a
// goroutine that a member started, and returns the ID.
func member(stack string, family map[string]bool) (id string, ok bool) {
	header, isStack := strings.CutPrefix(stack, "goroutine ")
	if !isStack {
		return "", false
	}
	id, _, _ = strings.Cut(header, " ")
	_, parent, _ := strings.Cut(stack, " in goroutine ")
	parent, _, _ = strings.Cut(parent, "\n")
	return id, family[id] || family[parent]
}

// allStacks returns the stacks of all goroutines.
func allStacks() string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || n >= 64<<20 {
			return string(bytes.TrimSpace(buf[:n]))
		}
		buf = make([]byte, 2*len(buf))
	}
}
