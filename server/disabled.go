package server

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// disabled is a set of commands that are switched off, by names such as "DELE" and
// "SITE CHMOD". The nil set is empty.
type disabled map[string]bool

// aliases holds the other names of each command. Whoever switches a command off means
// what the command does, so the other names go as well.
var aliases map[string][]string

// indispensable are commands without which no session can begin or end in order.
var indispensable = []string{"USER", "PASS", "QUIT"}

// disable makes the set of the named commands, in upper or lower case. Its error tells
// of every name that can't be switched off.
func disable(names []string) (disabled, error) {
	var errs []error
	off := make(disabled)
	for _, given := range names {
		name := strings.Join(strings.Fields(strings.ToUpper(given)), " ")
		switch {
		case !isCommand(name):
			errs = append(errs, fmt.Errorf("%q is no command: want one such as DELE or SITE CHMOD", given))
		case slices.Contains(indispensable, name):
			errs = append(errs, fmt.Errorf("without %s there is no session", name))
		}
		off.add(name)
	}
	return off, errors.Join(errs...)
}

// add switches off a command with its other names, and with the members of its family.
func (off disabled) add(name string) {
	off[name] = true
	for _, alias := range aliases[name] {
		off[alias] = true
	}
	for other := range commands {
		if strings.HasPrefix(other, name+" ") {
			off[other] = true
		}
	}
}

// isCommand reports whether a name is the name of a command, such as DELE or SITE
// CHMOD.
func isCommand(name string) bool { return commands[name] != nil }

// switchOff makes the set of a server: the commands named, and those that no option
// allows (command.allowed).
func (srv *Server) switchOff(names []string) disabled {
	off, _ := disable(names)
	for name, row := range commands {
		if row.allowed != nil && !row.allowed(srv) {
			off[name] = true
		}
	}
	return off
}

// isOff reports whether a command is switched off for the session.
func (s *session) isOff(name string) bool { return s.srv.isOff(name, s.policy.off) }

// isOff reports whether a command is switched off for a session: by what was in force at
// its login, or without a login by what is in force.
func (srv *Server) isOff(name string, login disabled) bool {
	if login != nil {
		return login[name]
	}
	return srv.inForce().off[name]
}
