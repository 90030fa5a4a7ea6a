package strict

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	toml "github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// node is a value in a file.
type node struct {
	Position
	kind unstable.Kind // of the value; Table and ArrayTable for tables and arrays of tables

	text     string // a string's value; for other kinds the text in the file
	elements []*node
	names    []string         // of a table, in order
	fields   map[string]*node // of a table
	implied  bool             // only the name of another table has made this one, which may still get a head of its own
	inline   bool             // the table was written as one value, so nothing may be added
}

func newTable(at Position) *node {
	return &node{Position: at, kind: unstable.Table, fields: map[string]*node{}}
}

func (n *node) add(name string, field *node) {
	n.names = append(n.names, name)
	n.fields[name] = field
}

// isTables reports whether the node is an array of tables.
func (n *node) isTables() bool { return n.kind == unstable.ArrayTable }

// isTime reports whether the node is a date or a time, which needs no quotes.
func (n *node) isTime() bool {
	switch n.kind {
	case unstable.LocalDate, unstable.LocalTime, unstable.LocalDateTime, unstable.DateTime:
		return true
	}
	return false
}

// builder makes a tree of the expressions that the parser finds in a file.
type builder struct {
	parser   unstable.Parser
	key      string // the key of the table that the file holds; empty for a whole
	file     string
	text     []byte
	lines    []int // offsets at which lines begin
	problems []*Problem
}

// build parses a file. After a syntax error the tree has what came before it.
func build(key, file string, text []byte) (*node, []*Problem) {
	b := &builder{key: key, file: file, text: text, lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			b.lines = append(b.lines, i+1)
		}
	}
	root := newTable(Position{file, 1, 1})
	b.parser.Reset(text)
	into, path := root, key
	for b.parser.NextExpression() {
		switch e := b.parser.Expression(); e.Kind {
		case unstable.KeyValue:
			if into != nil {
				b.keyValue(into, path, e)
			}
		case unstable.Table, unstable.ArrayTable:
			into, path = b.table(root, e)
		}
	}
	if err := b.parser.Error(); err != nil {
		b.syntax(err)
	}
	return root, b.problems
}

// syntax adds the problem of a syntax error, after which nothing is read.
func (b *builder) syntax(err error) {
	at := Position{b.file, 1, 1}
	var known *unstable.ParserError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &decode):
		at.Line, at.Column = decode.Position()
	case errors.As(err, &known):
		at = b.at(b.parser.Range(known.Highlight))
		err = errors.New(known.Message)
	}
	b.problems = append(b.problems, &Problem{Position: at, Text: err.Error() + "; what follows was not read: " + b.shown(at.Line)})
}

// shown returns a line of the file with invisible characters escaped.
func (b *builder) shown(line int) string {
	lines := bytes.SplitAfter(b.text, []byte("\n"))
	if line > len(lines) {
		return "the file ends"
	}
	const most = 80
	text := bytes.TrimRight(lines[line-1], "\n")
	return fmt.Sprintf("%q", text[:min(len(text), most)])
}

func (b *builder) at(r unstable.Range) Position {
	offset := min(int(r.Offset), len(b.text))
	line, _ := slices.BinarySearch(b.lines, offset+1) // how many lines begin at offset or before
	return Position{b.file, line, offset - b.lines[line-1] + 1}
}

func (b *builder) problem(at Position, key, format string, args ...any) {
	b.problems = append(b.problems, &Problem{Position: at, Key: key, Text: fmt.Sprintf(format, args...)})
}

// Key joins names to a dotted key as problems and places have it.
func Key(names ...string) (key string) {
	for _, name := range names {
		key = join(key, name)
	}
	return key
}

// join adds a name to a dotted key.
func join(path, name string) string {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	}) {
		name = fmt.Sprintf("%q", name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// table opens a table, or a new table of an array. It returns nil if that is not possible.
func (b *builder) table(root *node, e *unstable.Node) (into *node, path string) {
	into, path = root, b.key
	keys := e.Key()
	for keys.Next() {
		k := keys.Node()
		at, name := b.at(k.Raw), string(k.Data)
		path = join(path, name)
		field := into.fields[name]
		switch last := keys.IsLast(); {
		case field == nil && last && e.Kind == unstable.ArrayTable:
			field = &node{Position: at, kind: unstable.ArrayTable, elements: []*node{newTable(at)}}
			into.add(name, field)
		case field == nil:
			field = newTable(at)
			field.implied = !last
			into.add(name, field)
		case last && e.Kind == unstable.ArrayTable:
			if !field.isTables() {
				b.problem(at, path, "this is no array of tables, see %s", field.Position)
				return nil, path
			}
			field.elements = append(field.elements, newTable(at))
		case last && !field.isTables() && field.implied:
			field.implied = false
		case last:
			b.problem(at, path, "it is there already, see %s", field.Position)
			return nil, path
		}
		if field.isTables() {
			path = fmt.Sprintf("%s[%d]", path, len(field.elements)-1)
			field = field.elements[len(field.elements)-1]
		}
		if field.kind != unstable.Table || field.inline {
			b.problem(at, path, "this is no table that can be added to, see %s", field.Position)
			return nil, path
		}
		into = field
	}
	return into, path
}

// keyValue adds a value to a table. A dotted key makes the tables on its way.
func (b *builder) keyValue(into *node, path string, e *unstable.Node) {
	keys := e.Key()
	for keys.Next() {
		k := keys.Node()
		at, name := b.at(k.Raw), string(k.Data)
		path = join(path, name)
		field := into.fields[name]
		switch {
		case keys.IsLast() && field == nil:
			into.add(name, b.value(at, path, e.Value()))
		case keys.IsLast():
			b.problem(at, path, "it is there already, see %s", field.Position)
		case field == nil:
			field = newTable(at)
			field.implied = true
			into.add(name, field)
		case field.kind != unstable.Table || field.inline:
			b.problem(at, path, "this is no table that can be added to, see %s", field.Position)
			return
		}
		into = field
	}
}

// value copies a value out of the parser. at is the place of its key, which problems of all that is in
// the value have.
func (b *builder) value(at Position, path string, v *unstable.Node) *node {
	n := &node{Position: at, kind: v.Kind, text: string(v.Data)}
	switch v.Kind {
	case unstable.Array:
		for children := v.Children(); children.Next(); {
			n.elements = append(n.elements, b.value(at, path, children.Node()))
		}
	case unstable.InlineTable:
		n = newTable(at)
		for children := v.Children(); children.Next(); {
			b.keyValue(n, path, children.Node())
		}
		n.inline = true
	}
	return n
}
