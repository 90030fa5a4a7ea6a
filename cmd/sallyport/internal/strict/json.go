package strict

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// ReadJSON reads a JSON object into a struct, as strictly as Read reads a file. key is the name of the object in
// places and problems, as in ReadTable.
func ReadJSON(key string, to any, source Source) (Places, []*Problem) {
	b := &jsonBuilder{decoder: json.NewDecoder(bytes.NewReader(source.Text)), source: source}
	b.decoder.UseNumber()
	root, err := b.object(key)
	if err == nil {
		if _, more := b.token(); more != io.EOF {
			err = fmt.Errorf("something follows the object")
		}
	}
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = fmt.Errorf("it ends too early")
		}
		return Places{}, []*Problem{{Position: b.at, Text: "want a JSON object such as {\"home\": \"/srv/ftp\"}: " + err.Error()}}
	}
	return fill(key, to, tree{root, b.problems})
}

// maxDepth bounds how deep JSON may be nested. No struct is as deep.
const maxDepth = 8

// jsonBuilder makes a tree of a JSON object.
type jsonBuilder struct {
	decoder  *json.Decoder
	source   Source
	at       Position // where the latest token begins
	depth    int
	problems []*Problem
}

// token returns the next token and notes where it begins.
func (b *jsonBuilder) token() (json.Token, error) {
	start := int(b.decoder.InputOffset())
	start += len(b.source.Text[start:]) - len(bytes.TrimLeft(b.source.Text[start:], " \t\r\n,:"))
	before := b.source.Text[:start]
	b.at = Position{b.source.Name, bytes.Count(before, []byte("\n")) + 1, start - bytes.LastIndexByte(before, '\n')}
	return b.decoder.Token()
}

// object reads an object from its beginning on.
func (b *jsonBuilder) object(key string) (*node, error) {
	t, err := b.token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('{') {
		return nil, fmt.Errorf("this is none")
	}
	return b.members(newTable(b.at), key)
}

// members reads an object whose beginning was read.
func (b *jsonBuilder) members(n *node, key string) (*node, error) {
	if b.depth++; b.depth > maxDepth {
		return nil, fmt.Errorf("it is nested too deep")
	}
	defer func() { b.depth-- }()
	for b.decoder.More() {
		t, err := b.token()
		if err != nil {
			return nil, err
		}
		name, at := t.(string), b.at
		value, err := b.value(at, join(key, name))
		if err != nil {
			return nil, err
		}
		if first, twice := n.fields[name]; twice {
			b.problems = append(b.problems, &Problem{Position: at, Key: join(key, name), Text: fmt.Sprintf("it is there already, see %s", first.Position)})
			continue
		}
		n.add(name, value)
	}
	_, err := b.token()
	return n, err
}

// value reads a value. at is the place of its name, which problems of all that is in the value have.
func (b *jsonBuilder) value(at Position, key string) (*node, error) {
	t, err := b.token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case string:
		return &node{Position: at, kind: unstable.String, text: t}, nil
	case bool:
		return &node{Position: at, kind: unstable.Bool, text: fmt.Sprint(t)}, nil
	case json.Number:
		kind := unstable.Integer
		if strings.ContainsAny(t.String(), ".eE") {
			kind = unstable.Float
		}
		return &node{Position: at, kind: kind, text: t.String()}, nil
	case json.Delim:
		if t == '{' {
			return b.members(newTable(at), key)
		}
		return b.elements(at, key)
	}
	return nil, fmt.Errorf("%s: null says nothing; leave it out", key)
}

// elements reads an array whose beginning was read.
func (b *jsonBuilder) elements(at Position, key string) (*node, error) {
	if b.depth++; b.depth > maxDepth {
		return nil, fmt.Errorf("it is nested too deep")
	}
	defer func() { b.depth-- }()
	n := &node{Position: at, kind: unstable.Array}
	for b.decoder.More() {
		e, err := b.value(at, key)
		if err != nil {
			return nil, err
		}
		n.elements = append(n.elements, e)
	}
	_, err := b.token()
	return n, err
}
