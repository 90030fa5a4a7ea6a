package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/passive"
)

const testUsage = `sallyport test [--option value ...] [-- COMMAND ...]

Starts a throwaway FTPS server for the tests of a program in any language, and prints one
line of JSON when it is ready:

    {"host":"127.0.0.1","port":40001,"implicitPort":40002,"user":"test","password":"secret",
     "url":"ftp://...","implicitUrl":"ftps://...","caFile":"/.../ca.pem","ca":"-----BEGIN ...",
     "root":"/...","pid":123}

caFile and ca are the certificate to trust, as a file and as text. root is the directory that
clients see. The server ends with the program that started it, when its standard input ends
or by a signal, and takes with it all that it made. Its status is 0, 1 when it could not
start or logged an error, and 2 when it was asked in the wrong way.

A pipe on standard input ends the server when it is closed. A line in it, such as

    cut:to=RETR,after=1000

is a fault from then on, and "clear" takes all faults away. Each line is answered by one on
standard output, {"ok":true} or {"ok":false,"error":"..."}. Any other standard input, such as
a terminal or /dev/null, is not read.

With a COMMAND the server runs as long as that does and ends with its status. Nothing is
printed then; the command's environment has FTPS_HOST, FTPS_PORT, FTPS_IMPLICIT_PORT,
FTPS_USER, FTPS_PASSWORD, FTPS_URL, FTPS_IMPLICIT_URL, FTPS_CA_FILE and FTPS_ROOT:

    sallyport test -- sh -c 'curl --ssl-reqd --cacert "$FTPS_CA_FILE" "$FTPS_URL"'

Defaults are in parentheses.

`

// testSettings holds the options of test as they were given.
type testSettings struct {
	listen, implicit  string
	ipv6              bool
	passive, announce string
	dataPorts         int
	hosts             []string
	users             []login
	plaintext         bool
	root, seed, ca    string
	memory            bool
	faults            []ftpstest.Fault
	listFaults        bool
	stay, trace       bool
	level             slog.Level
	command           []string
}

// login is a user of a throwaway server, whose password is no secret.
type login struct{ user, password string }

func (s *testSettings) options() []option {
	return []option{
		{"fault", "FAULT", "something that goes wrong on purpose, such as cut:after=1000,how=rst; may be repeated.\n\"--fault help\" lists all, with the mistakes in clients that they catch", s.addFault},
		{"root", "DIR", "the directory that clients see (a new one, removed at the end)", text(&s.root)},
		{"seed", "DIR", "a directory whose files are copied there at the start", text(&s.seed)},
		{"memory", "", "keep the files in memory rather than in a directory", toggle(&s.memory)},
		{"user", "NAME:PASSWORD", "who may log in; may be repeated. All see the same files (test:secret)", s.addUser},
		{"listen", "ADDR", "where explicit FTPS (AUTH TLS) is spoken (127.0.0.1:0, which is a free port)", text(&s.listen)},
		{"listen-implicit", "ADDR", "where TLS comes first (a free port of the same host)", text(&s.implicit)},
		{"ipv6", "", "listen on ::1 in place of 127.0.0.1", toggle(&s.ipv6)},
		{"passive", "SET", "data ports, such as 21000-21010; \"any\" lets the system choose (any)", text(&s.passive)},
		{"data-ports", "N", "how many data ports to let the system choose (as many as it takes)", s.setDataPorts},
		{"announce", "ADDR", "the address clients are told for PASV, as with serve (the one they dialled)", text(&s.announce)},
		{"ca-file", "FILE", "where to write the certificate to, as caFile (a place of its own)", text(&s.ca)},
		{"host", "NAME", "a name or address for the certificate, beside localhost and its addresses; may be\nrepeated", s.addHost},
		{"insecure-plaintext", "", "allow logins and transfers without TLS as well", toggle(&s.plaintext)},
		{"stay", "", "run until a signal comes, whatever becomes of standard input and of the program that\nstarted it", toggle(&s.stay)},
		{"trace", "", "show every command and reply on stderr, but no passwords", toggle(&s.trace)},
		{"log-level", "LEVEL", "of the server's log on stderr: debug, info, warn or error (error)", setLevel(&s.level)},
	}
}

func (s *testSettings) addFault(text string) error {
	if text == "help" {
		s.listFaults = true
		return nil
	}
	f, err := parseFault(text)
	s.faults = append(s.faults, f)
	return err
}

func (s *testSettings) addUser(text string) error {
	name, password, err := splitUser(text)
	for _, l := range s.users {
		if err == nil && l.user == name {
			err = fmt.Errorf("%q is there twice", name)
		}
	}
	s.users = append(s.users, login{name, password})
	return err
}

func (s *testSettings) addHost(name string) error {
	s.hosts = append(s.hosts, name)
	return nil
}

func (s *testSettings) setDataPorts(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is no number from 1 up", text)
	}
	s.dataPorts = n
	return nil
}

// parseTest reads test's command line. Its error is errHelp or a *usageError
// with everything that is wrong.
func parseTest(args []string) (*testSettings, error) {
	s := &testSettings{passive: "any", level: slog.LevelError}
	rest, errs := parse(s.options(), args)
	if len(errs) == 1 && errs[0] == errHelp {
		return nil, errHelp
	}
	s.command = rest
	if errs = append(errs, s.check()...); len(errs) > 0 {
		return nil, &usageError{"test", errs}
	}
	if s.ipv6 {
		s.listen = "[::1]:0"
	}
	return s, nil
}

// check reports what is wrong with the options as far as the options alone
// show; it doesn't touch the system.
func (s *testSettings) check() []error {
	var errs mistakes
	errs.add("--listen", checkAddr(s.listen))
	errs.add("--listen-implicit", checkAddr(s.implicit))
	_, err := passive.Range(s.passive)
	errs.add("--passive", err)
	if s.announce != "" {
		_, err := passive.ParseRules(s.announce)
		errs.add("--announce", err)
	}
	for _, both := range []struct {
		given bool
		names string
	}{
		{s.ipv6 && s.listen != "", "--ipv6 and --listen"},
		{s.memory && s.root != "", "--memory and --root"},
		{s.dataPorts > 0 && s.passive != "any", "--data-ports and --passive"},
	} {
		if both.given {
			errs = append(errs, errors.New(both.names+" exclude each other"))
		}
	}
	if s.seed != "" {
		_, err := os.ReadDir(s.seed)
		errs.add("--seed", err)
	}
	return errs
}

// host returns the address for the data ports. The zero Addr stands for every
// address.
func (s *testSettings) host() netip.Addr {
	host, _, err := net.SplitHostPort(s.listen)
	if err != nil { // the option was not given
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	addr, _ := netip.ParseAddr(host)
	if addr.IsUnspecified() {
		return netip.Addr{}
	}
	return addr
}
