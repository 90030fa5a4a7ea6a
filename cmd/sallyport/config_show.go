package main

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// shownConfig returns the values in force as a configuration file, with comments that say where each was set.
func shownConfig(_ context.Context, s *settings, wrong error) (string, error) {
	if wrong != nil {
		return "", wrong
	}
	var b strings.Builder
	line := func(key, value, from string) { fmt.Fprintf(&b, "%-40s # %s\n", key+" = "+value, from) }
	control, _ := s.controlPath()
	state, _ := s.statePath()
	usual := map[string]string{"control": control, "state-dir": state}
	for _, e := range s.entries() {
		from, set := s.sources[e.name]
		switch {
		case e.toml == "": // users follow
		case set:
			line(e.name, e.written(from.values), strings.TrimSuffix(from.where, ": "+e.name))
		case e.isDefault():
			line(e.name, e.toml, "the default")
		case usual[e.name] != "":
			line(e.name, written(usual[e.name]), "the default with a configuration file, if it can be made")
		default:
			fmt.Fprintf(&b, "# %s is not set\n", e.name)
		}
	}
	table := func(name string, a account) {
		from := a.from[""]
		if a.Group != "" {
			from += ", of group " + a.Group
		}
		fmt.Fprintf(&b, "\n%-40s # %s\n", "["+name+"]", from)
		for key, i := range keysOfAccount() {
			from, set := a.from[key]
			switch {
			case !set, key == "group": // what it says follows
			case key == "password":
				line(key, `"(hidden)"`, from)
			case key == "folders":
				line(key, s.writtenFolders(&a), from)
			case key == "home":
				line(key, written(s.place(&a).dir), from)
			default:
				line(key, written(reflect.ValueOf(a).Field(i).Interface()), from)
			}
		}
	}
	if s.anonymous != nil {
		table(anonymousTable, *s.anonymous)
	}
	for _, users := range []map[string]account{s.everybody(), s.hosted} {
		for name, a := range inOrder(users) {
			table(strict.Key("user", name), a)
		}
	}
	return b.String(), nil
}

// writtenFolders returns the folders of an account as a configuration file has them.
func (s *settings) writtenFolders(a *account) string {
	var all []string
	for name, f := range inOrder(a.Folders) {
		text := written(name) + " = { "
		switch {
		case f.Bucket == "":
			text += "dir = " + written(s.dirOf(f.Dir))
		case f.Prefix == "":
			text += "bucket = " + written(f.Bucket)
		default:
			text += "bucket = " + written(f.Bucket) + ", prefix = " + written(f.Prefix)
		}
		if f.ReadOnly {
			text += ", read-only = true"
		}
		all = append(all, text+" }")
	}
	return "{ " + strings.Join(all, ", ") + " }"
}

// written returns the values of an option as a configuration file has them.
func (e *entry) written(values []string) string {
	switch {
	case e.value == "":
		return cmp.Or(strings.Join(values, ""), "false")
	case strings.Contains(e.value, "[,"): // the values may each hold several
		var all []string
		for _, value := range values {
			for one := range strings.SplitSeq(value, ",") {
				all = append(all, strings.TrimSpace(one))
			}
		}
		return written(all)
	case e.isList():
		return written(values)
	case e.value == "N":
		return strings.Join(values, "")
	}
	return written(strings.Join(values, ""))
}

// written returns a value as a configuration file has it.
func written(v any) string {
	switch v := v.(type) {
	case bool, int:
		return fmt.Sprint(v)
	case day:
		return v.String()
	case time.Duration:
		return fmt.Sprintf("%q", v.String())
	}
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice {
		var all []string
		for i := range list.Len() {
			all = append(all, written(list.Index(i).Interface()))
		}
		return "[" + strings.Join(all, ", ") + "]"
	}
	return fmt.Sprintf("%q", fmt.Sprint(v))
}
