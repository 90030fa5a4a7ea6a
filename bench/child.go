package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/crowding"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// childArg, as the first argument, makes this program the server that growth
// and soak measure. It is a process of its own, so that the server's costs are
// told from those of the clients. The server reads a childConfig from standard
// input, writes its address, and then answers each question with counters, all
// as JSON, until the input ends.
const childArg = "child-server"

// childConfig configures a child.
type childConfig struct {
	Root, Cert, Key, Ports, User, Password string

	// TTL and Idle are the fields of passive.Ports of these names.
	TTL, Idle time.Duration
}

// question asks for counters. Tidy has the server collect garbage first, and
// give free memory back to the system.
type question struct{ Tidy bool }

// counters is what the server holds at the moment.
type counters struct {
	Sessions    int
	Leases      int // data ports and connections that are promised, arriving or waited for
	Listeners   int // listeners of data ports
	Goroutines  int
	Descriptors int
	Heap        int64 // bytes, stacks included
}

// A child is a server started with childArg, as seen by the process that has
// started it.
type child struct {
	*instance
	ask  *json.Encoder
	hear *json.Decoder
}

// startChild starts a child for the setup. It ends with stop, or with ctx.
func startChild(ctx context.Context, s *setup, ttl, idle time.Duration) (*child, error) {
	p, err := startItself(ctx, childArg)
	if err != nil {
		return nil, err
	}
	c := &child{ask: json.NewEncoder(p.in), hear: json.NewDecoder(p.out)}
	c.instance = &instance{contender: ours, pid: p.pid, stop: p.stop}
	err = c.ask.Encode(childConfig{s.root, s.cert, s.key, s.ports, s.user, s.password, ttl, idle})
	if err == nil {
		err = c.hear.Decode(&c.addr)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the server: %w", err), p.stop())
	}
	return c, nil
}

// look asks the child for its counters.
func (c *child) look(tidy bool) (now counters, err error) {
	if err := c.ask.Encode(question{tidy}); err != nil {
		return now, err
	}
	return now, c.hear.Decode(&now)
}

// runChild runs the server in the process of the child.
func runChild() {
	signal.Ignore(os.Interrupt) // Ctrl-C is for the program that started it
	if err := serveChild(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, childArg+":", err)
		os.Exit(1)
	}
}

func serveChild(questions *json.Decoder, answers *json.Encoder) error {
	var config childConfig
	if err := questions.Decode(&config); err != nil {
		return err
	}
	srv, err := config.server()
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	crowding.Now() // opens its file now rather than at the first upload without a proven end: that is no leak
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	err = answers.Encode(ln.Addr().String())
	for err == nil {
		var q question
		if err = questions.Decode(&q); err == nil {
			err = answers.Encode(look(srv, q.Tidy))
		}
	}
	srv.Close()
	if served := <-ended; !errors.Is(served, server.ErrServerClosed) {
		err = served
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// server returns the server of the child: without limits on sessions, and with
// defaults for the rest.
func (config *childConfig) server() (*server.Server, error) {
	files, err := driver.OpenDir(config.Root)
	if err != nil {
		return nil, err
	}
	cert, err := tls.Load(config.Cert, config.Key)
	if err != nil {
		return nil, err
	}
	ports, err := passive.Range(config.Ports)
	if err != nil {
		return nil, err
	}
	ports.TTL, ports.Idle = config.TTL, config.Idle
	return &server.Server{
		Driver:      driver.User(config.User, config.Password, files),
		TLS:         cert,
		Passive:     ports,
		MaxSessions: -1, MaxSessionsPerAddress: -1,
		// Keeps sessions at rest, which are to be counted.
		IdleTimeout: time.Hour,
	}, nil
}

// look returns the counters of the server.
func look(srv *server.Server, tidy bool) counters {
	if tidy {
		runtime.GC() // FreeOSMemory collects once more: pools keep their content over one collection
		debug.FreeOSMemory()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	ports := srv.Passive.Stats()
	return counters{
		Sessions:    len(srv.Sessions()),
		Leases:      ports.Leases + ports.Untaken + ports.Waiting + ports.Unproven,
		Listeners:   ports.Listeners,
		Goroutines:  runtime.NumGoroutine(),
		Descriptors: descriptors(),
		Heap:        int64(m.HeapAlloc + m.StackInuse),
	}
}

// descriptors returns how many descriptors this process has open, without the
// one that it reads them by.
func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries) - 1
}
