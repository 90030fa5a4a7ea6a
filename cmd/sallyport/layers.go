package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// layer holds the options that one place sets: the command line, the environment, or the configuration files.
type layer map[string]source

// source is the place that sets an option, and the values there.
type source struct {
	where  string // as messages have it: --listen, SALLYPORT_LISTEN or file:line:column: listen
	values []string
}

// parseServe reads serve's command line, completed by the environment and configuration files. Its error is errHelp
// or a *usageError with everything that is wrong.
func parseServe(args []string) (*settings, error) { return load("serve", args, os.Environ()) }

// load reads the settings of serve for a command that needs them. Flags go before the environment, and the
// environment before the configuration files: the first that sets an option sets it as a whole, and what the others
// say of the option is ignored. With mistakes the settings are those that could be read.
func load(command string, args, environ []string) (*settings, error) {
	s := defaults()
	entries := s.entries()
	flags, errs := fromFlags(entries, args)
	if len(errs) == 1 && errs[0] == errHelp {
		return nil, errHelp
	}
	environment, wrong := fromEnvironment(entries, environ)
	errs = append(errs, wrong...)
	files, wrong := s.readFiles(entries, flags, environment)
	errs = append(errs, wrong...)
	return s.complete(command, errs, flags, environment, files)
}

// complete sets the options of layers, the highest first, reads the files of users that they name, and checks
// everything. errs are the mistakes that were found so far.
func (s *settings) complete(command string, errs []error, layers ...layer) (*settings, error) {
	s.sources = layer{}
	for _, l := range layers {
		errs = append(errs, s.add(l)...)
	}
	errs = append(errs, s.readUsersFile()...)
	errs = append(errs, s.readUsersDir()...)
	errs = append(errs, s.readUserLists()...)
	errs = append(errs, s.readAccess()...)
	s.hideSystemUsers()
	s.noPassword = s.anonymous != nil && s.anonymous.NoPassword
	errs = append(errs, s.notFollowing(s.check())...)
	if len(errs) > 0 {
		return s, &usageError{command, errs}
	}
	return s, nil
}

// notFollowing returns the errors without those that name an option whose value could not be read: they are about a
// value that nobody gave.
func (s *settings) notFollowing(errs []error) (own []error) {
	for _, err := range errs {
		if !s.follows(err.Error()) {
			own = append(own, err)
		}
	}
	return own
}

func (s *settings) follows(text string) bool {
	for name := range s.unread {
		from, given := s.sources[name]
		if !given {
			continue
		}
		for rest := text; ; {
			_, after, found := strings.Cut(rest, from.where)
			if found && (after == "" || strings.Contains(": ,", after[:1])) {
				return true
			}
			if rest = after; !found {
				break
			}
		}
	}
	return false
}

// unsure reports whether the value of a dotted key, or part of the table around it, could not be read, so that nothing
// can be said to be missing there. After an error of syntax, anything may stand in the rest of the file.
func (s *settings) unsure(key string) bool {
	for ; ; key = key[:strings.LastIndexByte(key, '.')] {
		if s.unread[key] || s.unread[""] {
			return true
		}
		if !strings.Contains(key, ".") {
			return false
		}
	}
}

// unsureWithin reports whether anything in a table could not be read.
func (s *settings) unsureWithin(table string) bool {
	for key := range s.unread {
		if strings.HasPrefix(key, table+".") {
			return true
		}
	}
	return s.unsure(table)
}

// distrust notes that the value of a problem's key could not be read. An unknown key of a table stands for the one that
// it may be, mistyped.
func (s *settings) distrust(p *strict.Problem) {
	key, _, _ := strings.Cut(p.Key, "[") // of a list
	if i := strings.LastIndexByte(key, '.'); p.Unknown && i > 0 {
		var known []string
		for name := range keysOfAccount() {
			known = append(known, name)
		}
		key = key[:i+1] + strict.Nearest(key[i+1:], known)
	}
	s.unread[key] = true
}

// add sets the options of a layer that no earlier layer has set. Other options of the layer are only checked.
func (s *settings) add(l layer) (errs []error) {
	unused := defaults().entries()
	for i, e := range s.entries() {
		from, given := l[e.name]
		_, above := s.sources[e.name]
		if above {
			e = unused[i]
		} else if given {
			s.sources[e.name] = from
		}
		for _, value := range from.values {
			if err := e.set(value); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", from.where, err))
				if !above {
					s.unread[e.name] = true
				}
			}
		}
	}
	return errs
}

// at returns the name of an option as it was given, or as a flag if it was not given.
func (s *settings) at(name string) string {
	if from, ok := s.sources[name]; ok {
		return from.where
	}
	return "--" + name
}

// told returns err, with the option as it was given in front of each error that err joins.
func (s *settings) told(option string, err error) error {
	var errs mistakes
	errs.add(s.head(option), err)
	return errors.Join(errs...)
}

// head returns at for the beginning of a message, which has a place in the configuration file also if that leaves the
// option out: the beginning, where options stand.
func (s *settings) head(name string) string {
	if _, ok := s.sources[name]; !ok && s.first != "" {
		return strict.Position{File: s.first, Line: 1, Column: 1}.String() + ": " + name
	}
	return s.at(name)
}

// fromFlags reads a command line. The argument that is no option is the directory.
func fromFlags(entries []entry, args []string) (layer, []error) {
	l := layer{}
	var options []option
	for _, e := range entries {
		o := e.option
		o.set = func(value string) error {
			from := l[o.name]
			if !e.isList() {
				from.values = nil // the last one counts
			}
			l[o.name] = source{"--" + o.name, append(from.values, value)}
			return nil
		}
		options = append(options, o)
	}
	rest, errs := parse(options, args)
	sure := true // the arguments that are left are directories, not values of unknown options
	for _, err := range errs {
		if _, is := err.(*unknownError); is {
			sure = false
		}
	}
	if from, ok := l["dir"]; ok {
		rest = append(rest, from.values...)
	}
	switch {
	case len(rest) > 1 && sure:
		errs = append(errs, fmt.Errorf("one directory can be served, not %d: %s", len(rest), strings.Join(rest, " ")))
	case len(rest) > 0:
		l["dir"] = source{"DIR", rest[:1]}
	}
	return l, errs
}

const (
	variablePrefix = "SALLYPORT_"
)

// variable returns the name of the environment variable that sets an option.
func variable(option string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(option, "-", "_"))
}

// fromEnvironment reads the variables that set options. A variable whose name is nearly that of an option's is a
// mistake. Other variables are ignored: the command probe has one, and Kubernetes sets several for a service called
// sallyport.
func fromEnvironment(entries []entry, environ []string) (layer, []error) {
	l := layer{}
	names := map[string]*entry{}
	for i := range entries {
		names[variable(entries[i].name)] = &entries[i]
	}
	var errs []error
	for _, line := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(line, "=")
		e, known := names[name]
		switch {
		case known && e.isList():
			l[e.name] = source{name, strings.FieldsFunc(value, func(r rune) bool { return r == '\n' })}
		case known:
			l[e.name] = source{name, []string{value}}
		case strings.HasPrefix(name, variablePrefix) && !foreignVariable(name):
			if like := nearestVariable(name, names); like != "" {
				errs = append(errs, fmt.Errorf("%s: there is no such option; did you mean %s?", name, like))
			}
		}
	}
	return l, errs
}

// foreignVariable reports whether a variable has the prefix but is known not to set an option.
func foreignVariable(name string) bool {
	return name == passwordVariable || strings.HasPrefix(name, variablePrefix+"PORT") || strings.HasPrefix(name, variablePrefix+"SERVICE_")
}

// nearestVariable returns the variable of an option that a mistyped name resembles most, empty for none. Names much
// shorter than the prefix are compared without it.
func nearestVariable(name string, names map[string]*entry) string {
	var known []string
	for n := range names {
		known = append(known, strings.ToLower(strings.TrimPrefix(n, variablePrefix)))
	}
	like := strict.Nearest(strings.TrimPrefix(name, variablePrefix), known)
	if like == "" {
		return ""
	}
	return variablePrefix + strings.ToUpper(like)
}
