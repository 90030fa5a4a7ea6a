package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// mistakes collects what is wrong with the values of options.
type mistakes []error

// add adds each error that err joins, with the option in front as it was given, and a cure behind it.
func (m *mistakes) add(option string, err error) {
	for _, err := range joined.Errors(err) {
		*m = append(*m, fmt.Errorf("%s: %w", option, cured(err)))
	}
}

// say adds a sentence about options, which it names as they were given.
func (m *mistakes) say(format string, options ...any) {
	*m = append(*m, fmt.Errorf(format, options...))
}

// check reports what is wrong with the options as far as the options alone show; it
// doesn't touch the system.
func (s *settings) check() []error {
	var errs mistakes
	errs.add(s.head("listen"), checkAddr(s.listen))
	errs.add(s.head("listen-implicit"), checkAddr(s.implicit))
	if s.listen == "" && s.implicit == "" {
		errs.say("%s and %s are both empty: nobody could connect", s.at("listen"), s.at("listen-implicit"))
	}
	ports, err := passive.Range(s.passive)
	errs.add(s.head("passive"), err)
	if err == nil {
		errs.add(s.head("passive"), s.checkOverlap(ports))
	}
	if _, err := passive.ParseRules(s.announce); s.announce != "" {
		errs.add(s.head("announce"), err)
	}
	if i := strings.IndexFunc(s.greeting, func(r rune) bool { return r != '\n' && !unicode.IsGraphic(r) }); i >= 0 {
		errs.say("%s: %+q has characters that nobody can see; leave them out (\\n begins another line)", s.head("greeting"), s.greeting)
	}
	errs.add(s.head("disable"), checkCommands(s.disabled))
	switch {
	case s.cert != "" && s.key == "":
		errs.say("%s needs %s FILE, its private key", s.at("cert"), s.at("key"))
	case s.cert == "" && s.key != "":
		errs.say("%s needs %s FILE, its certificate", s.at("key"), s.at("cert"))
	}
	if s.shared && s.active {
		errs.say("%s would connect to the address that %s says is not the client's", s.at("active"), s.at("shared-address"))
	}
	if path, _ := s.controlPath(); s.controlGroup != "" && path == "" {
		errs.say("%s says who may use the control socket, and there is none: name one by %s", s.at("control-group"), s.at("control"))
	}
	if s.activePort != 0 && !s.active {
		errs.say("%s is the port that active mode connects from, which needs %s", s.at("active-port"), s.at("active"))
	}
	if s.shared && s.plaintext {
		errs.say("%s would give data to whoever comes first from the address that %s says is everybody's", s.at("insecure-plaintext"), s.at("shared-address"))
	}
	if s.shared && s.reuse == tls.Off {
		errs.say("%s demands that data connections resume, which %s off gives up", s.at("shared-address"), s.at("session-reuse"))
	}
	errs = append(errs, s.checkSystemUsers()...)
	errs = append(errs, s.checkSystemSource()...)
	errs = append(errs, s.checkPAM()...)
	errs = append(errs, s.checkHosted()...)
	errs = append(errs, s.checkBuckets()...)
	errs.checkLogs(s)
	errs.checkBans(s)
	for _, err := range []error{s.checkAuthProgram(), s.checkAuthURL()} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	errs = append(errs, s.checkChecks()...)
	return append(errs, s.checkUsers()...)
}

// checkAddr accepts the addresses that net.Listen accepts, except for names of
// services.
func checkAddr(addr string) error {
	if addr == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is no address to listen on; want :2121, 192.0.2.1:2121 or [2001:db8::1]:2121", addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port from 0 to 65535; want :2121, say", addr)
	}
	return nil
}

// checkOverlap reports a control port that is also a data port.
func (s *settings) checkOverlap(ports *passive.Ports) error {
	for _, addr := range []string{s.listen, s.implicit} {
		_, text, _ := net.SplitHostPort(addr)
		port, err := strconv.ParseUint(text, 10, 16)
		if err == nil && slices.Contains(slices.Collect(ports.Numbers()), uint16(port)) {
			return fmt.Errorf("%s holds %d, where logins are expected; exclude it: %s,!%d", s.passive, port, s.passive, port)
		}
	}
	return nil
}
