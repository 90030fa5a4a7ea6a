package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// opposites maps each comparison to its negation, edges to the comparison that differs
// only if both sides are equal. others maps each other operator to the one that takes
// its place.
var (
	opposites = map[token.Token]token.Token{token.EQL: token.NEQ, token.NEQ: token.EQL, token.LSS: token.GEQ, token.GEQ: token.LSS, token.GTR: token.LEQ, token.LEQ: token.GTR}
	edges     = map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}
	others    = map[token.Token]token.Token{
		token.LAND: token.LOR, token.LOR: token.LAND,
		token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL,
		token.INC: token.DEC, token.DEC: token.INC,
	}
)

// A mutant is the package with one operator exchanged.
type mutant struct {
	number  int // from 1 on
	at      token.Position
	from    token.Token
	to      token.Token
	line    string // the source line it is in
	rebuilt string // the whole source of its file, "" if the mutant is in the common binary
}

func (m mutant) String() string {
	return fmt.Sprintf("%v: %v to %v\t%s", m.at, m.from, m.to, m.line)
}

// A source is a file being instrumented.
type source struct {
	name string
	text string
	fset *token.FileSet
	all  *[]mutant // of all files, added to
}

// instrument returns the text of a file with all its mutants in it, of which the
// variable that switchFile declares chooses one, and adds the mutants to all.
func instrument(name, text string, all *[]mutant) (string, error) {
	s := source{name: name, text: text, fset: token.NewFileSet(), all: all}
	file, err := parser.ParseFile(s.fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	return text[:s.offset(file.Name.End())] + s.between(file.Name.End(), token.Pos(s.fset.File(file.Pos()).Base()+len(text)), children(file)[1:]), nil
}

func (s *source) offset(p token.Pos) int { return s.fset.File(p).Offset(p) }

func (s *source) of(n ast.Node) string { return s.text[s.offset(n.Pos()):s.offset(n.End())] }

// between returns the text from start to end, with the given nodes in it rendered.
func (s *source) between(start, end token.Pos, nodes []ast.Node) string {
	var b strings.Builder
	for _, n := range nodes {
		b.WriteString(s.text[s.offset(start):s.offset(n.Pos())])
		b.WriteString(s.render(n))
		start = n.End()
	}
	b.WriteString(s.text[s.offset(start):s.offset(end)])
	return b.String()
}

// render returns the text of a node with its mutants in it.
func (s *source) render(n ast.Node) string {
	switch n := n.(type) {
	case *ast.GenDecl:
		if n.Tok == token.CONST {
			return s.of(n) // a constant has to stay constant
		}
	case *ast.FuncDecl: // the text of its type is not in one piece
		if n.Body == nil {
			return s.of(n)
		}
		return s.between(n.Pos(), n.End(), []ast.Node{n.Body})
	case *ast.BinaryExpr:
		return s.binary(n)
	case *ast.IncDecStmt:
		s.rebuild(n.TokPos, n.Tok, others[n.Tok])
	}
	return s.between(n.Pos(), n.End(), children(n))
}

// binary renders x op y. Both sides are written several times but evaluated once.
func (s *source) binary(n *ast.BinaryExpr) string {
	x, y := s.render(n.X), s.render(n.Y)
	plain := fmt.Sprintf("(%s %v %s)", x, n.Op, y)
	if opposite, ok := opposites[n.Op]; ok {
		t := fmt.Sprintf("(%s != (%s == %d))", plain, variable, s.add(n.OpPos, n.Op, opposite))
		if edge, ok := edges[n.Op]; ok {
			t = s.either(n, edge, fmt.Sprintf("(%s %v %s)", x, edge, y), t)
		}
		return t
	}
	switch other := others[n.Op]; other {
	case token.LAND, token.LOR:
		return s.either(n, other, fmt.Sprintf("(%s %v %s)", x, other, y), plain)
	case token.ILLEGAL: // as of <<
	default:
		s.rebuild(n.OpPos, n.Op, other)
	}
	return x + s.text[s.offset(n.X.End()):s.offset(n.Y.Pos())] + y
}

// either renders an expression that is mutated if a new mutant is chosen, and plain
// otherwise.
func (s *source) either(n *ast.BinaryExpr, to token.Token, mutated, plain string) string {
	id := s.add(n.OpPos, n.Op, to)
	return fmt.Sprintf("(%s == %d && %s || %[1]s != %[2]d && %[4]s)", variable, id, mutated, plain)
}

// add notes a mutant and returns its number.
func (s *source) add(pos token.Pos, from, to token.Token) int {
	at := s.fset.Position(pos)
	line := strings.Split(s.text, "\n")[at.Line-1]
	*s.all = append(*s.all, mutant{number: len(*s.all) + 1, at: at, from: from, to: to, line: strings.TrimSpace(line)})
	return len(*s.all)
}

// rebuild notes a mutant that has to be built by itself, since what is exchanged is no
// condition: neither its type nor whether it must be constant is known here.
func (s *source) rebuild(pos token.Pos, from, to token.Token) {
	m := &(*s.all)[s.add(pos, from, to)-1]
	m.rebuilt = s.text[:m.at.Offset] + to.String() + s.text[m.at.Offset+len(from.String()):]
}

// children returns the nodes right below n, in the order of the text.
func children(n ast.Node) (nodes []ast.Node) {
	ast.Inspect(n, func(child ast.Node) bool {
		if child != nil && child != n {
			nodes = append(nodes, child)
		}
		return child == n
	})
	slices.SortStableFunc(nodes, func(a, b ast.Node) int { return int(a.Pos() - b.Pos()) })
	return nodes
}
