package strict

import (
	"encoding"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Source is a file to read.
type Source struct {
	Name string // the file's name in problems
	Text []byte
}

// Files reads sources from disk. A file that can't be read is a problem.
func Files(names ...string) (sources []Source, problems []*Problem) {
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			problems = append(problems, &Problem{Text: err.Error()})
			continue
		}
		sources = append(sources, Source{name, text})
	}
	return sources, problems
}

// Places holds where each value was set, by dotted key.
type Places map[string]Position

// Problem returns a problem of the value of a dotted key. Its place is that of the key or, if no file has the key,
// that of the nearest table around it.
func (p Places) Problem(key, format string, args ...any) *Problem {
	problem := &Problem{Key: key, Text: fmt.Sprintf(format, args...)}
	for around := key; around != ""; {
		if at, ok := p[around]; ok {
			problem.Position = at
			break
		}
		around = around[:max(strings.LastIndexAny(around, ".["), 0)]
	}
	return problem
}

// Move replaces the places of keys, also in the problems of keys, by those that moved has for them.
func (p Places) Move(moved Places, problems []*Problem) {
	for key, at := range moved {
		if p.Set(key) {
			p[key] = at
		}
	}
	for _, problem := range problems {
		if at, ok := moved[problem.Key]; ok {
			problem.Position = at
		}
	}
}

// Set reports whether a file has set a key.
func (p Places) Set(key string) bool { _, ok := p[key]; return ok }

// Read reads sources into the struct that to points to.
func Read(to any, sources ...Source) (Places, []*Problem) { return ReadTable("", to, sources...) }

// ReadTable is Read for sources that hold one table of a larger whole. key is the name of that table in places and
// problems, such as user.alice.
func ReadTable(key string, to any, sources ...Source) (Places, []*Problem) {
	var trees []tree
	for _, s := range sources {
		root, problems := build(key, s.Name, s.Text)
		trees = append(trees, tree{root, problems})
	}
	return fill(key, to, trees...)
}

// tree is the content of a source, and the problems of its form.
type tree struct {
	root     *node
	problems []*Problem
}

// fill reads trees into a struct.
func fill(key string, to any, trees ...tree) (Places, []*Problem) {
	r := &reading{places: Places{}}
	for _, t := range trees {
		r.problems = append(r.problems, t.problems...)
		if key != "" {
			r.places[key] = t.root.Position
		}
		r.table(key, t.root, reflect.ValueOf(to).Elem())
	}
	return r.places, r.problems
}

type reading struct {
	places   Places
	problems []*Problem
}

func (r *reading) problem(n *node, key, format string, args ...any) {
	r.problems = append(r.problems, &Problem{Position: n.Position, Key: key, Text: fmt.Sprintf(format, args...)})
}

// Table is a struct whose fields are known only at run time.
type Table interface {
	// Fields returns pointers to the variables to read into, by name.
	Fields() map[string]any
}

// fieldsOf returns the fields of a struct that can be read into, by name.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	if t, ok := v.Addr().Interface().(Table); ok {
		for name, to := range t.Fields() {
			fields[name] = reflect.ValueOf(to).Elem()
		}
		return fields
	}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("toml"); name != "" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// table reads a table into a struct or a map.
func (r *reading) table(key string, n *node, v reflect.Value) {
	if v.Kind() == reflect.Map {
		r.entries(key, n, v)
		return
	}
	fields := fieldsOf(v)
	for _, name := range n.names {
		value, inner := n.fields[name], join(key, name)
		if field, ok := fields[name]; ok {
			r.places[inner] = value.Position
			r.value(inner, value, field)
			continue
		}
		known := slices.Sorted(maps.Keys(fields))
		hint := "known here are " + strings.Join(known, ", ")
		if like := Nearest(name, known); like != "" {
			hint = "did you mean " + like + "?"
		}
		r.problems = append(r.problems, &Problem{Position: value.Position, Key: inner, Text: "this is not known; " + hint, Unknown: true})
	}
}

// entries reads a table of tables into a map.
func (r *reading) entries(key string, n *node, v reflect.Value) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, name := range n.names {
		value, inner := n.fields[name], join(key, name)
		entry := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(reflect.ValueOf(name)); old.IsValid() {
			entry.Set(old)
		}
		r.places[inner] = value.Position
		r.value(inner, value, entry)
		v.SetMapIndex(reflect.ValueOf(name), entry)
	}
}

var durationType = reflect.TypeFor[time.Duration]()

// value reads any value.
func (r *reading) value(key string, n *node, v reflect.Value) {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if n.isTime() || r.want(key, n, unstable.String, "a text in quotes") {
			if err := u.UnmarshalText([]byte(n.text)); err != nil {
				r.problem(n, key, "%v", err)
			}
		}
		return
	}
	switch {
	case v.Type() == durationType:
		r.duration(key, n, v)
	case v.Kind() == reflect.Struct || v.Kind() == reflect.Map:
		if r.want(key, n, unstable.Table, "a table") {
			r.table(key, n, v)
		}
	case v.Kind() == reflect.Slice:
		r.list(key, n, v)
	case v.Kind() == reflect.String:
		if r.want(key, n, unstable.String, "a text in quotes") {
			v.SetString(n.text)
		}
	case v.Kind() == reflect.Bool:
		if r.want(key, n, unstable.Bool, "true or false") {
			v.SetBool(n.text == "true")
		}
	case v.CanInt():
		r.integer(key, n, v)
	default:
		panic(fmt.Sprintf("strict: %s has a type that is not read: %s", key, v.Type()))
	}
}

// want reports whether a node is of a kind, and adds a problem if it is not.
func (r *reading) want(key string, n *node, kind unstable.Kind, what string) bool {
	if n.kind == kind {
		return true
	}
	got := strings.ToLower(n.kind.String())
	switch n.kind {
	case unstable.Bool, unstable.Integer, unstable.Float:
		got = n.text
	case unstable.String:
		got = fmt.Sprintf("the text %q", n.text)
	case unstable.ArrayTable:
		got = "an array of tables"
	case unstable.Array:
		got = "a list"
	case unstable.Table:
		got = "a table"
	}
	r.problem(n, key, "want %s, not %s", what, got)
	return false
}

func (r *reading) duration(key string, n *node, v reflect.Value) {
	const what = `a duration such as "30s" or "5m"`
	if !r.want(key, n, unstable.String, what) {
		return
	}
	d, err := time.ParseDuration(n.text)
	if err != nil || d < 0 {
		r.problem(n, key, "want %s, not %q", what, n.text)
		return
	}
	v.SetInt(int64(d))
}

func (r *reading) integer(key string, n *node, v reflect.Value) {
	if !r.want(key, n, unstable.Integer, "a whole number") {
		return
	}
	i, err := strconv.ParseInt(strings.ReplaceAll(n.text, "_", ""), 0, 64)
	if err != nil || v.OverflowInt(i) {
		r.problem(n, key, "%s is too large; the largest is %d", n.text, int64(math.MaxInt64>>(64-v.Type().Bits())))
		return
	}
	v.SetInt(i)
}

// list reads a list, which replaces the one before, or an array of tables, which is appended.
func (r *reading) list(key string, n *node, v reflect.Value) {
	tables := v.Type().Elem().Kind() == reflect.Struct && !reflect.PointerTo(v.Type().Elem()).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	kind, what := unstable.Array, "a list in [ ]"
	if tables {
		kind, what = unstable.ArrayTable, fmt.Sprintf("an array of tables, each begun by [[%s]]", key)
	}
	if !r.want(key, n, kind, what) {
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.elements))
	if tables {
		list = v
	}
	for _, e := range n.elements {
		element := reflect.New(v.Type().Elem()).Elem()
		inner := fmt.Sprintf("%s[%d]", key, list.Len())
		r.places[inner] = e.Position
		r.value(inner, e, element)
		list = reflect.Append(list, element)
	}
	v.Set(list)
}
