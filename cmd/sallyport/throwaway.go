package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/tempdir"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

func runTest(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) error {
	s, err := parseTest(args)
	switch {
	case err == errHelp:
		return printHelp([]string{"test"}, stdout)
	case err != nil:
		return err
	case s.listFaults:
		return printFaults(stdout)
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	// Catches SIGPIPE: the process must clean up even if nobody reads its
	// output.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if !s.stay {
		go endWithParent(ctx, os.Getppid(), end)
	}
	lines := logTo(stderr)
	defer lines.Close(logGrace)
	e, err := s.start(ctx, lines)
	if err == nil {
		err = e.run(ctx, end, stdin, stdout, stderr)
	}
	if failed := e.close(); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// endpoint is a throwaway server with its files.
type endpoint struct {
	*testSettings
	srv  *ftpstest.Server // nil if it didn't start
	dir  *driver.Dir      // nil if the files are in memory
	root string           // the path of dir

	remove func() error // removes root; nil if root was given
}

// start starts the server. The endpoint has to be closed in any case.
func (s *testSettings) start(ctx context.Context, stderr io.Writer) (*endpoint, error) {
	e := &endpoint{testSettings: s}
	ports, err := s.openPorts(ctx)
	if err != nil {
		return e, err
	}
	c := ftpstest.Config{
		Users: map[string]string{}, Addr: s.listen, ImplicitAddr: s.implicit, Hosts: s.hosts, InsecurePlaintext: s.plaintext,
		DataPorts: s.dataPorts, Faults: s.faults,
		Logger: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: s.level})),
		Configure: func(srv *server.Server) {
			if s.dataPorts > 0 {
				srv.Passive.Announce = ports.Announce
			} else {
				srv.Passive = ports
			}
		},
	}
	for i, l := range s.users {
		if i == 0 {
			c.User, c.Password = l.user, l.password
		} else {
			c.Users[l.user] = l.password
		}
	}
	if s.trace {
		c.Trace = stderr
	}
	if s.seed != "" {
		c.Seed = os.DirFS(s.seed)
	}
	if !s.memory {
		if err := e.openFiles(); err != nil {
			return e, err
		}
		c.FS = e.dir
	}
	e.srv, err = ftpstest.New(c)
	return e, err
}

// openFiles opens the directory that was given, or makes a temporary one.
func (e *endpoint) openFiles() (err error) {
	e.root = e.testSettings.root
	if e.root == "" {
		e.root, e.remove, err = tempdir.Make("sallyport-test-live-")
	} else {
		e.root, err = filepath.Abs(e.root)
	}
	if err == nil {
		e.dir, err = driver.OpenDir(e.root)
	}
	return err
}

// openPorts makes the data ports, and tries each if the option passive was
// given.
func (s *testSettings) openPorts(ctx context.Context) (*passive.Ports, error) {
	ports, err := passive.Range(s.passive)
	if err != nil {
		return nil, err
	}
	if s.announce != "" {
		rules, err := passive.ParseRules(s.announce)
		if err != nil {
			return nil, err
		}
		ports.Announce = rules
	}
	if addr := s.host(); addr.IsValid() {
		return ports, ports.Check(ctx, addr)
	}
	return ports, ports.Check(ctx)
}

// close stops the server and removes what start has made.
func (e *endpoint) close() error {
	var errs []error
	if e.srv != nil {
		errs = append(errs, e.srv.Close())
	}
	if e.dir != nil {
		errs = append(errs, e.dir.Close())
	}
	if e.remove != nil {
		errs = append(errs, e.remove())
	}
	return errors.Join(errs...)
}

// run serves until ctx ends or, if a command is given, until the command has
// ended.
func (e *endpoint) run(ctx context.Context, end context.CancelFunc, stdin *os.File, stdout, stderr io.Writer) error {
	facts, err := e.facts()
	if err != nil {
		return err
	}
	if e.ca != "" {
		if err := os.WriteFile(e.ca, []byte(facts.CA), 0o644); err != nil {
			return err
		}
		defer os.Remove(e.ca)
		facts.CAFile = e.ca
	}
	if len(e.command) > 0 {
		return runCommand(ctx, e.command, facts.environment(), stdin, stdout, stderr)
	}
	if err := printJSON(stdout, facts); err != nil {
		return err
	}
	if isPipe(stdin) {
		go func() {
			e.obey(stdin, stdout)
			if !e.stay {
				end()
			}
		}()
	}
	<-ctx.Done()
	return nil
}

// facts are what a client has to know of the server. The names of the fields
// never change.
type facts struct {
	Host         string `json:"host"`
	Port         int    `json:"port"`
	ImplicitPort int    `json:"implicitPort"`
	User         string `json:"user"`
	Password     string `json:"password"`
	URL          string `json:"url"`
	ImplicitURL  string `json:"implicitUrl"`
	CAFile       string `json:"caFile"`
	CA           string `json:"ca"`
	Root         string `json:"root,omitempty"` // none in memory
	PID          int    `json:"pid"`
}

func (e *endpoint) facts() (*facts, error) {
	f := &facts{User: e.srv.User, Password: e.srv.Password, CAFile: e.srv.CAFile, Root: e.root, PID: os.Getpid()}
	ca, err := os.ReadFile(f.CAFile)
	if err != nil {
		return nil, err
	}
	f.CA = string(ca)
	f.Host, f.Port = dialable(e.srv.Addr)
	_, f.ImplicitPort = dialable(e.srv.ImplicitAddr)
	f.URL, f.ImplicitURL = f.url("ftp", f.Port), f.url("ftps", f.ImplicitPort)
	return f, nil
}

func (f *facts) url(scheme string, port int) string {
	u := url.URL{Scheme: scheme, User: url.UserPassword(f.User, f.Password), Host: net.JoinHostPort(f.Host, strconv.Itoa(port)), Path: "/"}
	return u.String()
}

// environment returns the facts as variables of a command's environment.
func (f *facts) environment() []string {
	return []string{
		"FTPS_HOST=" + f.Host, fmt.Sprint("FTPS_PORT=", f.Port), fmt.Sprint("FTPS_IMPLICIT_PORT=", f.ImplicitPort),
		"FTPS_USER=" + f.User, "FTPS_PASSWORD=" + f.Password, "FTPS_URL=" + f.URL, "FTPS_IMPLICIT_URL=" + f.ImplicitURL,
		"FTPS_CA_FILE=" + f.CAFile, "FTPS_ROOT=" + f.Root,
	}
}

// dialable returns the host and port by which this host reaches a listener.
func dialable(addr string) (host string, port int) {
	at := netip.MustParseAddrPort(addr)
	if at.Addr().IsUnspecified() {
		return "localhost", int(at.Port())
	}
	return at.Addr().String(), int(at.Port())
}

// printJSON prints a value in one line.
func printJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	return out.Encode(v)
}
