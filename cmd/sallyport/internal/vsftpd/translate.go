package vsftpd

import (
	"fmt"
	"path"
	"slices"
)

// Host answers questions about the machine that a file is for.
type Host struct {
	Home func(user string) (string, error)  // returns the home directory of a user of the machine
	Read func(file string) (string, error)  // returns the text of a file
	List func(dir string) ([]string, error) // returns the names of the files in a directory

	// Conf returns the text of a file of vsftpd's configuration, as [ReadFile] does.
	Conf func(file string, anyOwner bool) (string, error)
}

// Translation is what a configuration of vsftpd means for Sallyport.
type Translation struct {
	Mistakes []*Mistake // why Sallyport doesn't serve with it
	Notes    []Note     // what is different from vsftpd, and what is weaker than it may seem
	Lines    []Line     // the configuration of Sallyport

	*Config // whose own mistakes and notes are about how the files are written
	host    Host
	whole   *Translation // for a user with a file, the translation without the file; otherwise nil
	user    string       // who has the file, or is in chrootList

	chrootList []string // of users for whom the opposite of chroot_local_user holds
	file       string
}

// Tables of Sallyport's configuration that translations have.
const (
	anonymousTable = "anonymous"
	localGroup     = "local"
	localTable     = "group." + localGroup
)

// Line is a line of Sallyport's configuration.
type Line struct {
	Table string // empty for an option of the server
	Key   string
	Value any // string, bool, int or []string
	Place Place
	From  []string // the options of vsftpd that the line stems from, as a file has them
}

// Translate translates a configuration without mistakes.
func Translate(c *Config, host Host) *Translation {
	t := &Translation{Config: c, host: host}
	t.readChrootList()
	t.translate()
	t.users()
	return t
}

// translate translates all but the files of users.
func (t *Translation) translate() {
	t.combinations()
	t.process()
	t.listeners()
	t.dataConnections()
	t.protection()
	t.logins()
	t.loginDelays()
	t.greeting()
	t.limits()
	t.transfers()
	t.listings()
	t.anonymous()
	t.locals()
	t.commands()
	t.logs()
	t.others()
}

// combinations adds mistakes for options that exclude each other.
func (t *Translation) combinations() {
	if !t.Yes("local_enable") && !t.Yes("anonymous_enable") {
		t.mistake("vsftpd: both local and anonymous access disabled!", t.At("anonymous_enable"), "nobody could log in; set local_enable=YES or anonymous_enable=YES")
	}
	if t.Yes("one_process_model") && t.Yes("local_enable") {
		t.mistake("vsftpd: security: 'one_process_model' is anonymous only", t.At("one_process_model"), "remove it; Sallyport needs no process for each session")
	}
	if t.Yes("http_enable") && !t.Yes("one_process_model") {
		t.mistake("vsftpd: HTTP needs 'one_process_model' for now", t.At("http_enable"), "remove it; Sallyport speaks no HTTP")
	}
}

// others tells of the options that are set and that Sallyport doesn't honour.
func (t *Translation) others() {
	for _, o := range Options {
		if !t.Set(o.Name) || o.Treatment != Warned && o.Treatment != Refused || !t.matters(&o) || t.same(&o) {
			continue
		}
		if o.Treatment == Refused {
			t.refuse(o.Name, "%s", o.Why)
		} else {
			t.tell(o.Name, "%s", o.Why)
		}
	}
}

// matters reports whether the options are on without which an option means nothing.
func (t *Translation) matters(o *Option) bool {
	return o.If == "" || t.Yes(o.If) && t.matters(known(o.If))
}

// same reports whether an option has the value with which Sallyport is no different.
func (t *Translation) same(o *Option) bool {
	switch o.Kind {
	case Bool:
		same, _ := parseBool(o.Same)
		return t.Yes(o.Name) == same
	case Number:
		same, _ := parseNumber(o.Same)
		return t.Number(o.Name) == same
	}
	return t.Text(o.Name) == o.Same
}

// put adds a line that stems from options. The first that is set has the place of the line.
func (t *Translation) put(table, key string, value any, options ...string) {
	l := Line{Table: table, Key: key, Value: value}
	for _, name := range options {
		l.From = append(l.From, t.From(name))
		if l.Place == (Place{}) && t.Set(name) {
			l.Place = t.At(name)
		}
	}
	t.Lines = append(t.Lines, l)
}

// value returns the value of a line; nil without such a line.
func (t *Translation) value(table, key string) any {
	i := slices.IndexFunc(t.Lines, func(l Line) bool { return l.Table == table && l.Key == key })
	if i < 0 {
		return nil
	}
	return t.Lines[i].Value
}

// tell notes how an option is different.
func (t *Translation) tell(option, format string, args ...any) {
	t.Notes = append(t.Notes, Note{t.At(option), t.written(option) + ": " + fmt.Sprintf(format, args...)})
}

// refuse adds that an option keeps the file from being used.
func (t *Translation) refuse(option, format string, args ...any) {
	t.Mistakes = append(t.Mistakes, &Mistake{"not supported: " + t.written(option), t.At(option), fmt.Sprintf(format, args...)})
}

func (t *Translation) mistake(oops string, at Place, format string, args ...any) {
	t.Mistakes = append(t.Mistakes, &Mistake{oops, at, fmt.Sprintf(format, args...)})
}

// written returns an option as a file would have it.
func (t *Translation) written(option string) string {
	text := option + "=" + t.Text(option)
	if !t.Set(option) {
		text += " (the default)"
	}
	return text
}

// absolute reports whether the value of an option is an absolute path. If not absolute adds the mistake.
func (t *Translation) absolute(option string) bool {
	ok := path.IsAbs(t.Text(option))
	if !ok {
		t.refuse(option, "it is no absolute path, and where it leads would depend on where the server is started")
	}
	return ok
}
