package vsftpd

import "fmt"

// Config holds the options that files and a command line have set.
type Config struct {
	// AnyOwner lets files belong to anybody, for who only looks at them.
	AnyOwner bool

	// Socket is the address of the socket that the server was started with, by inetd or systemd; empty for none.
	Socket string

	Mistakes []*Mistake
	Notes    []Note // about how the files are written

	set map[string]setting // the last setting of each option
}

// setting is the value of an option and where it was set.
type setting struct {
	value string
	place Place
}

// Set reports whether an option was set, be it to its default.
func (c *Config) Set(name string) bool {
	_, ok := c.set[known(name).Name]
	return ok
}

// Text returns the value of an option, or its default.
func (c *Config) Text(name string) string {
	o := known(name)
	if s, ok := c.set[name]; ok {
		return s.value
	}
	return o.Default
}

// Yes reports whether a boolean option is YES.
func (c *Config) Yes(name string) bool {
	value, ok := parseBool(c.Text(name))
	if !ok {
		panic("not a boolean: " + name)
	}
	return value
}

// Number returns the value of an option that is a number.
func (c *Config) Number(name string) int {
	value, ok := parseNumber(c.Text(name))
	if !ok {
		panic("not a number: " + name)
	}
	return value
}

// At returns where an option was set; zero for the default.
func (c *Config) At(name string) Place { return c.set[known(name).Name].place }

// From returns where a value comes from and what it is, for people to read.
func (c *Config) From(name string) string {
	text := fmt.Sprintf("%s=%s", name, c.Text(name))
	s, ok := c.set[name]
	switch {
	case !ok:
		return "default: " + text
	case s.place.Line == 0:
		return s.place.File
	}
	return s.place.String() + ": " + text
}

// known returns the option of a name that the program itself uses.
func known(name string) *Option {
	o := find(name)
	if o == nil {
		panic("no option of vsftpd: " + name)
	}
	return o
}
