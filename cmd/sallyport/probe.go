package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/probe"
)

const probeUsage = `sallyport probe HOST[:PORT] [--option value ...]

Looks at an FTPS server as its clients see it, and says what is wrong, for whom, and what
the cure is. It ends with the ports to request from the firewall teams.

    sallyport probe ftp.example.com
    SALLYPORT_PASSWORD=... sallyport probe ftp.example.com --user alice

Without a login it examines DNS, the control ports, TLS and the certificate; with one also
the data ports. Nothing on the server is changed unless --write is given. Probe only
servers that you run or whose operator expects it.

It ends with status 0 when nothing fails, 1 when something does or the login was not
tried, 2 when it was asked in the wrong way, and 3 when no control port could be reached.
Other warnings are no failures.

`

const passwordVariable = "SALLYPORT_PASSWORD"

// probeSettings holds the options of probe as they were given.
type probeSettings struct {
	probe.Probe
	ca          string
	hasPassword bool
	trace, json bool
}

func (s *probeSettings) options() []option {
	return []option{
		{"user", "NAME", "log in, to look at the data ports as well", text(&s.User)},
		{"password", "TEXT", "the user's password. Others on this host can see a command line: better set\n" + passwordVariable, s.setPassword},
		{"port", "PORT", "a control port; may be repeated. Whether TLS is explicit or implicit there is found\nout (21 and 990, of which one is enough)", s.addPort},
		{"server-name", "NAME", "whom the certificate has to be for (HOST)", text(&s.ServerName)},
		{"ca", "FILE", "certificates to trust, PEM, in place of those of the system", text(&s.ca)},
		{"path", "DIR", "the directory to list (the one that the login starts in)", text(&s.Path)},
		{"write", "", "store a file of 1,000 bytes there, read it back and delete it", toggle(&s.AllowWrite)},
		{"requests", "N", "how many data ports to ask for, to see their range and whether each is open (10)", s.setRequests},
		{"idle", "DURATION", "leave the session alone for so long, to see whether a firewall forgets it", duration(&s.Idle, 1)},
		{"timeout", "DURATION", "the limit of each step (10s)", duration(&s.Timeout, 1)},
		{"insecure-untrusted", "", "send the password even if the certificate does not prove whose server it is", toggle(&s.InsecureUntrusted)},
		{"insecure-plaintext", "", "send the password in clear, too, to see what equipment on the way changes then", toggle(&s.InsecurePlaintext)},
		{"trace", "", "show the control connections on stderr, passwords masked", toggle(&s.trace)},
		{"json", "", "print the report as JSON", toggle(&s.json)},
	}
}

func (s *probeSettings) setPassword(text string) error {
	s.Password, s.hasPassword = text, true
	return nil
}

func (s *probeSettings) addPort(text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no port; want 1 to 65535", text)
	}
	if !slices.Contains(s.Ports, uint16(n)) {
		s.Ports = append(s.Ports, uint16(n))
	}
	return nil
}

func (s *probeSettings) setRequests(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > probe.MaxRequests {
		return fmt.Errorf("%q is not a number from 1 to %d", text, probe.MaxRequests)
	}
	s.Requests = n
	return nil
}

// setTarget sets the host and port from HOST, HOST:PORT, [IPv6]:PORT or an
// IPv6 address alone.
func (s *probeSettings) setTarget(text string) error {
	if strings.Contains(text, "/") {
		return fmt.Errorf("%q is no host; want HOST or HOST:PORT, without ftp://", text)
	}
	s.Host = text
	if _, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil || !strings.Contains(text, ":") {
		return nil
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return fmt.Errorf("%q is no host; want HOST, HOST:PORT or [IPv6]:PORT", text)
	}
	s.Host = host
	return s.addPort(port)
}

// parseProbe reads probe's command line. Its error is errHelp or a *usageError
// with everything that is wrong.
func parseProbe(args []string, env func(string) string) (*probeSettings, error) {
	s := new(probeSettings)
	rest, errs := parse(s.options(), args)
	if len(errs) == 1 && errs[0] == errHelp {
		return nil, errHelp
	}
	switch {
	case len(rest) == 1:
		if err := s.setTarget(rest[0]); err != nil {
			errs = append(errs, err)
		}
	case len(rest) == 0:
		errs = append(errs, errors.New("the server is missing: sallyport probe HOST"))
	case len(errs) == 0:
		errs = append(errs, fmt.Errorf("one server can be looked at, not %d: %s", len(rest), strings.Join(rest, " ")))
	}
	if len(s.Ports) > probe.MaxPorts {
		errs = append(errs, fmt.Errorf("--port: %d ports are given; %d is the limit", len(s.Ports), probe.MaxPorts))
	}
	switch {
	case s.User == "" && s.hasPassword:
		errs = append(errs, errors.New("--password needs --user NAME"))
	case s.User != "" && !s.hasPassword:
		if s.Password = env(passwordVariable); s.Password == "" {
			errs = append(errs, errors.New("--user needs a password; set "+passwordVariable+", or give --password"))
		}
	}
	if s.ca != "" {
		var err error
		if s.RootCAs, err = readCA(s.ca); err != nil {
			errs = append(errs, fmt.Errorf("--ca: %w", err))
		}
	}
	if len(errs) > 0 {
		return nil, &usageError{"probe", errs}
	}
	return s, nil
}

func runProbe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parseProbe(args, os.Getenv)
	if err == errHelp {
		return printHelp([]string{"probe"}, stdout)
	}
	if err != nil {
		return err
	}
	if s.trace {
		s.Trace = func(line string) { fmt.Fprintln(stderr, line) }
	}
	report := s.Run(ctx)
	if f, ok := report.Find(probe.Invalid); ok {
		return &usageError{"probe", []error{errors.New(f.Seen)}}
	}
	if s.json {
		err = report.WriteJSON(stdout)
	} else {
		err = report.WriteText(stdout, probe.Theme(colours(stdout, os.Getenv)))
	}
	if err != nil {
		return err
	}
	return verdict(report)
}

// verdict returns the exit status for a report, nil if all is well.
func verdict(report *probe.Report) error {
	open := func(f probe.Fact) bool { return f.Name == "control port" && f.Value == "open" }
	_, interrupted := report.Find(probe.Interrupted)
	_, withheld := report.Find(probe.LoginWithheld)
	switch {
	case report.OK && !withheld: // everything was tested
		return nil
	case !interrupted && !slices.ContainsFunc(report.Facts, open):
		return exitStatus(statusUnreachable)
	}
	return exitStatus(statusFailed)
}
