package main

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// mistakes are what is wrong with the values of options.
type mistakes []error

// add adds an error, if there is one, with the option in front.
func (m *mistakes) add(option string, err error) {
	if err != nil {
		*m = append(*m, fmt.Errorf("--%s: %w", option, err))
	}
}

// check reports what can be seen to be wrong without touching the system.
func (s *settings) check() []error {
	var errs mistakes
	errs.add("listen", checkAddr(s.listen))
	errs.add("listen-implicit", checkAddr(s.implicit))
	if s.listen == "" && s.implicit == "" {
		errs = append(errs, errors.New("--listen and --listen-implicit are both empty: nobody could connect"))
	}
	ports, err := passive.Range(s.passive)
	errs.add("passive", err)
	if err == nil {
		errs.add("passive", s.checkOverlap(ports))
	}
	if _, err := passive.ParseRules(s.announce); s.announce != "" {
		errs.add("announce", err)
	}
	switch {
	case s.cert != "" && s.key == "":
		errs = append(errs, errors.New("--cert needs --key FILE, its private key"))
	case s.cert == "" && s.key != "":
		errs = append(errs, errors.New("--key needs --cert FILE, its certificate"))
	}
	if s.shared && s.active {
		errs = append(errs, errors.New("--active would connect to the address that --shared-address says is not the client's"))
	}
	if s.shared && s.plaintext {
		errs = append(errs, errors.New("--insecure-plaintext would give data to whoever comes first from the address that --shared-address says is everybody's"))
	}
	if s.shared && s.reuse == tls.Off {
		errs = append(errs, errors.New("--shared-address demands that data connections resume, which --session-reuse off gives up"))
	}
	return errs
}

// checkAddr accepts what net.Listen does, without names of services.
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

// checkOverlap reports a control port among the data ports.
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
