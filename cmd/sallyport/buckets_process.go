package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/hand"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/objects"
	"github.com/sallyport/sallyport/driver"
)

// bucketPatience bounds how long a call of the process that has a bucket may go without an answer. A store may need
// minutes, for a copy of a large file for example, and unlike a hand that has directories this process has no user who
// could stop it.
const bucketPatience = 15 * time.Minute

// errBucketGone is the error of every call after the process that has the bucket has ended. The session goes on.
var errBucketGone = &driver.Error{
	Code: 451, Text: "This folder is not within reach any more. What was asked for last may be done or not: log in again and look.",
	Err: errors.New("the process that has the bucket has ended"),
}

// errTryAgain returns the error for a client whose login fails since a process is missing.
func errTryAgain(err error) error {
	return &driver.Error{Code: 421, Text: "Logins are not possible at the moment. Try again.", Err: err}
}

const (
	bucketIdle  = 30 * time.Second // how long the process of a bucket without sessions is kept
	bucketStart = 15 * time.Second // how long it may take to start
	bucketGrace = 5 * time.Second  // how long it may take to end: it aborts uploads then
)

// bucketProcesses are the processes that have the buckets of a server in one process: one for each store that sessions
// use. They run with the rights of the server, and end with it.
type bucketProcesses struct {
	helper func() string // the path of the program
	log    *slog.Logger

	mu   sync.Mutex
	open map[string]*bucketProcess // by the text of the store; those that have ended are missing

	running sync.WaitGroup
}

// bucketProcess is a process that has a bucket.
type bucketProcess struct {
	opened func() error // starts the process once

	// Set by opened.
	cmd    *exec.Cmd
	client *hand.Client
	said   lastWords

	// Guarded by bucketProcesses.mu.
	sessions int
	idle     *time.Timer
	retired  bool // no session uses it, so it may end
}

// use returns the files of a store, whose process it starts for the first session. done gives them back.
func (bs *bucketProcesses) use(store string) (files driver.FS, done func(), err error) {
	bs.mu.Lock()
	p := bs.open[store]
	if p == nil {
		p = &bucketProcess{}
		p.opened = sync.OnceValue(func() error { return bs.start(p, store) })
		if bs.open == nil {
			bs.open = map[string]*bucketProcess{}
		}
		bs.open[store] = p
	}
	p.sessions++
	if p.idle != nil {
		p.idle.Stop()
	}
	bs.mu.Unlock()
	if err := p.opened(); err != nil {
		bs.forget(store, p)
		return nil, nil, errTryAgain(err)
	}
	return p.client, sync.OnceFunc(func() { bs.leave(store, p) }), nil
}

// start starts the process of a store.
func (bs *bucketProcesses) start(p *bucketProcess, store string) error {
	p.cmd = exec.Command(bs.helper(), objects.ServeCommand)
	p.cmd.Env = append(usualEnvironment(), trustedEnvironment()...)
	p.cmd.Stderr = &p.said
	in, err1 := p.cmd.StdinPipe()
	out, err2 := p.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, p.cmd.Start()); err != nil {
		return err
	}
	stream := channel.NewStream(out, in, func() error {
		time.AfterFunc(bucketGrace, func() { p.cmd.Process.Kill() }) // does nothing once it was waited for
		return in.Close()
	})
	late := time.AfterFunc(bucketStart, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	err := stream.Send([]byte(store), nil)
	if err == nil {
		_, _, err = stream.Receive(make([]byte, channel.MaxMessage))
	}
	if err != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		return errors.New("sallyport-s3 doesn't begin: " + cmp.Or(p.said.String(), err.Error()))
	}
	stream.Patience = hand.DefaultPatience
	p.client = hand.NewClientOver(stream, bucketPatience)
	p.client.Gone = errBucketGone
	bs.running.Go(func() { bs.watch(p, store) })
	return nil
}

// watch waits until the process of a store has ended and forgets it, so that the next login starts another.
func (bs *bucketProcesses) watch(p *bucketProcess, store string) {
	<-p.client.Done()
	bs.forget(store, p)
	err := p.cmd.Wait()
	bs.mu.Lock()
	retired := p.retired
	bs.mu.Unlock()
	if st, wrong := objects.Parse(store); wrong == nil && !retired {
		bs.log.Warn("the process of a bucket has ended", "of", st.String(), "pid", p.cmd.Process.Pid, "status", fmt.Sprint(err), "text", p.said.String())
	}
}

// forget keeps further sessions from getting a process.
func (bs *bucketProcesses) forget(store string, p *bucketProcess) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if bs.open[store] == p {
		delete(bs.open, store)
	}
}

// leave ends a session. A process without sessions is ended after bucketIdle.
func (bs *bucketProcesses) leave(store string, p *bucketProcess) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	if p.sessions--; p.sessions == 0 {
		p.idle = time.AfterFunc(bucketIdle, func() { bs.expire(store, p) })
	}
}

// expire ends a process that no session uses.
func (bs *bucketProcesses) expire(store string, p *bucketProcess) {
	bs.mu.Lock()
	if p.sessions > 0 {
		bs.mu.Unlock()
		return
	}
	p.retired = true
	if bs.open[store] == p {
		delete(bs.open, store)
	}
	bs.mu.Unlock()
	p.client.Close()
}

// end ends all processes and waits until they are gone. Sessions no longer use them.
func (bs *bucketProcesses) end() {
	bs.mu.Lock()
	all := bs.open
	bs.open = nil
	for _, p := range all {
		p.retired = true
	}
	bs.mu.Unlock()
	for _, p := range all {
		if p.opened() == nil {
			p.client.Close()
		}
	}
	bs.running.Wait()
}

// lastWords keeps the first of what a process writes to standard error.
type lastWords struct {
	mu   sync.Mutex
	text []byte
}

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p[:min(len(p), maxProblem-len(w.text))]...)
	return len(p), nil
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(strings.TrimPrefix(string(w.text), usualBucketHelper+": "))
}
