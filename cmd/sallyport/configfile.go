package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// usualConfig is the configuration file that is read if no other is named.
const usualConfig = "/etc/sallyport/sallyport.toml"

// configFile receives the content of configuration files: options, and the tables user, group, anonymous and bucket.
type configFile struct {
	options       map[string]any // pointers to the values: *string, *int, *bool or *[]string
	users, groups map[string]account
	anonymous     account
	buckets       map[string]bucket
}

// newConfigFile makes a configFile with a variable for each option.
func newConfigFile(entries []entry) *configFile {
	f := &configFile{options: map[string]any{}}
	for _, e := range entries {
		switch {
		case e.toml == "":
		case e.value == "":
			f.options[e.name] = new(bool)
		case e.isList():
			f.options[e.name] = new([]string)
		case e.value == "N":
			f.options[e.name] = new(int)
		default:
			f.options[e.name] = new(string)
		}
	}
	return f
}

// Fields returns what the keys of a file are read into: the options and the tables.
func (f *configFile) Fields() map[string]any {
	fields := map[string]any{"user": &f.users, "group": &f.groups, anonymousTable: &f.anonymous, "bucket": &f.buckets}
	for name, to := range f.options {
		fields[name] = to
	}
	return fields
}

// layer returns the options that the files set, without values for those that could not be read.
func (f *configFile) layer(places strict.Places, unread map[string]bool) layer {
	l := layer{}
	for name, to := range f.options {
		at, ok := places[name]
		if !ok {
			continue
		}
		from := source{where: at.String() + ": " + name}
		if unread[name] {
			l[name] = from
			continue
		}
		switch v := to.(type) {
		case *string:
			from.values = []string{*v}
		case *int:
			from.values = []string{fmt.Sprint(*v)}
		case *bool:
			from.values = []string{fmt.Sprint(*v)}
		case *[]string:
			from.values = *v
		}
		l[name] = from
	}
	return l
}

// readFiles reads the configuration files. The last layer that has the option config names them.
func (s *settings) readFiles(entries []entry, layers ...layer) (layer, []error) {
	s.files = usualFiles()
	named := false
	for _, l := range slices.Backward(layers) {
		if from, ok := l["config"]; ok {
			named, s.files = true, configFiles(from.values[0])
		}
	}
	if len(s.files) > 0 {
		s.first = s.files[0]
	}
	sources, problems := strict.Files(s.files...)
	cure := " (--config= does without it)"
	if named {
		cure = "; make it readable, or name another file by config"
	}
	for _, p := range problems {
		p.Text += cure
	}
	return s.readSources(entries, sources, problems, nil)
}

// readSources reads the text of configuration files. problems are those that were found so far. moved has the places
// of keys, by dotted key, for sources that were made from other files.
func (s *settings) readSources(entries []entry, sources []strict.Source, problems []*strict.Problem, moved strict.Places) (layer, []error) {
	file := newConfigFile(entries)
	places, wrong := strict.Read(file, sources...)
	places.Move(moved, wrong)
	problems = append(problems, wrong...)
	file.explain(problems)
	for _, p := range problems {
		s.distrust(p)
	}
	s.groups = file.groupTables(places)
	var more [3][]*strict.Problem
	s.buckets, more[0] = file.openBuckets(places)
	accounts, wrong := file.accounts(places)
	more[1] = wrong
	s.accounts, s.hosted = withoutHosted(accounts)
	s.anonymous, more[2] = file.readAnonymous(places)
	for _, p := range slices.Concat(more[:]...) {
		if !s.unsure(p.Key) { // otherwise it may follow from what could not be read
			problems = append(problems, p)
		}
	}
	var errs []error
	for _, p := range problems {
		s.distrust(p)
		errs = append(errs, p)
	}
	return file.layer(places, s.unread), errs
}

// explain replaces the text of problems that stem from an option in the table of a user: every line behind the
// head of a table belongs to that table.
func (f *configFile) explain(problems []*strict.Problem) {
	for _, p := range problems {
		name := p.Key[strings.LastIndexByte(p.Key, '.')+1:]
		if p.Unknown && f.options[name] != nil && name != p.Key {
			p.Text = "this is no key of users but an option of the server; options stand before the first line in [ ]"
		}
	}
}

// usualFiles returns the files that are read if no file is named.
func usualFiles() []string {
	if _, err := os.Stat(usualConfig); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return configFiles(usualConfig)
}

// configFiles returns a file and those in conf.d beside it, in the order of reading; nothing for an empty name.
func configFiles(name string) []string {
	if name == "" {
		return nil
	}
	files := []string{name}
	more := filepath.Join(filepath.Dir(name), "conf.d")
	entries, _ := os.ReadDir(more) // sorted; most have none
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".toml") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(more, e.Name()))
		}
	}
	return files
}
