package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// option is an option of a command. Package flag would stop at the first
// mistake and at the first argument that is no option; parse reports all
// mistakes at once and accepts "serve DIR --option".
type option struct {
	name  string
	value string // what the value is called in the help; empty for a switch
	help  string
	set   func(string) error // sets the option; an error says which value would be right
}

// errHelp means that help was asked for.
var errHelp = errors.New("help")

// parse sets options and returns the arguments that are no options. It accepts
// --name and -name, "--name value" and "--name=value"; "--" ends the options.
func parse(options []option, args []string) (rest []string, errs []error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			return append(rest, args...), errs
		}
		if len(arg) < 2 || arg[0] != '-' {
			rest = append(rest, arg)
			continue
		}
		name, value, given := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
		o := find(options, name)
		switch {
		case o == nil && (name == "help" || name == "h"):
			return nil, []error{errHelp}
		case o == nil:
			errs = append(errs, unknown(options, name))
			continue
		case o.value == "" && !given:
			value = "true"
		case !given && (len(args) == 0 || strings.HasPrefix(args[0], "--")):
			errs = append(errs, fmt.Errorf("--%s needs a value: --%s %s", name, name, o.value))
			continue
		case !given:
			value, args = args[0], args[1:]
		}
		if err := o.set(value); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", name, err))
		}
	}
	return rest, errs
}

// describe lists options for the help.
func describe(options []option) string {
	var b strings.Builder
	for _, o := range options {
		fmt.Fprintf(&b, "  --%s\n      %s\n", strings.TrimSpace(o.name+" "+o.value), strings.ReplaceAll(o.help, "\n", "\n      "))
	}
	return b.String()
}

func find(options []option, name string) *option {
	for i := range options {
		if options[i].name == name {
			return &options[i]
		}
	}
	return nil
}

func unknown(options []option, name string) error {
	var known []string
	for _, o := range options {
		known = append(known, "--"+o.name)
	}
	return &unknownError{name, strings.Join(known, " ")}
}

// unknownError is the error of an option that does not exist. The argument
// after the option may have been meant as its value.
type unknownError struct{ name, known string }

func (e *unknownError) Error() string {
	return fmt.Sprintf("unknown option --%s; the options are %s", e.name, e.known)
}

// text, choice, toggle and unmarshal return functions for option.set.
func text(to *string) func(string) error {
	return func(s string) error { *to = s; return nil }
}

func choice(to *string, want ...string) func(string) error {
	return func(s string) error {
		for _, w := range want {
			if strings.EqualFold(s, w) {
				*to = w
				return nil
			}
		}
		return fmt.Errorf("%q is not known; want %s", s, strings.Join(want, " or "))
	}
}

func toggle(to *bool) func(string) error {
	return func(s string) error {
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", s)
		}
		*to = b
		return nil
	}
}
