package examples

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// span matches a text that a document sets as code, except for blocks.
var span = regexp.MustCompile("`([^`\n]+)`")

// named matches an exported name of a package or a type, and a member of it.
var named = regexp.MustCompile(`\b(\w+)\.([A-Z]\w*)(?:\.([A-Z]\w*))?`)

// packages holds the packages that documents speak of, by name, and their directories.
var packages = map[string]string{
	"server": "server", "driver": "driver", "passive": "passive", "tls": "tls", "ftpstest": "ftpstest",
	"drivertest": "driver/drivertest", "s3": "driver/s3", "firewall": "firewall", "probe": "probe", "proxyproto": "proxyproto",
}

// The names in documents exist, so that a reader can look them up: those of packages
// (driver.Limit), and the fields and methods of their types (Server.Hooks,
// driver.Dir.Sync).
func TestDocumentsNameWhatExists(t *testing.T) {
	names, members := exported(t)
	looked := 0
	for file, text := range documents(t) {
		if strings.HasSuffix(file, "CHANGELOG.md") {
			continue // tells of names that were
		}
		text = fence.ReplaceAllString(text, "")
		for _, s := range span.FindAllStringSubmatch(text, -1) {
			for _, n := range named.FindAllStringSubmatch(s[1], -1) {
				first, second, third := n[1], n[2], n[3]
				_, isPackage := names[first]
				_, isType := members[first]
				looked++
				switch {
				case isPackage && !names[first][second]:
					t.Errorf("%s: %s has no %s", file, first, second)
				case isPackage && third != "" && !members[second][third]:
					t.Errorf("%s: %s.%s has no %s", file, first, second, third)
				case isType && !members[first][second]:
					t.Errorf("%s: %s has no %s", file, first, second)
				}
			}
		}
	}
	if looked < 200 {
		t.Errorf("only %d names were found", looked)
	}
}

// index holds which names exist, by package or by type.
type index map[string]map[string]bool

func (x index) put(of string, ids ...*ast.Ident) {
	if x[of] == nil {
		x[of] = map[string]bool{}
	}
	for _, id := range ids {
		x[of][id.Name] = true
	}
}

// exported returns the exported names by package, and the fields and methods by type, of
// all packages together.
func exported(t *testing.T) (names, members index) {
	t.Helper()
	names, members = index{}, index{}
	for name, dir := range packages {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range parsed.Decls {
				declare(names, members, name, decl)
			}
		}
	}
	return names, members
}

func declare(names, members index, pkg string, decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names.put(pkg, d.Name)
		} else {
			members.put(receiver(d), d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				names.put(pkg, s.Names...)
			case *ast.TypeSpec:
				names.put(pkg, s.Name)
				members.put(s.Name.Name, fields(s.Type)...)
			}
		}
	}
}

// receiver returns the type that a method belongs to.
func receiver(f *ast.FuncDecl) string {
	typ := f.Recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		typ = p.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// fields returns the fields of a struct, or the methods of an interface. An embedded type
// has the name of the type.
func fields(typ ast.Expr) []*ast.Ident {
	var list *ast.FieldList
	switch typ := typ.(type) {
	case *ast.StructType:
		list = typ.Fields
	case *ast.InterfaceType:
		list = typ.Methods
	default:
		return nil
	}
	var ids []*ast.Ident
	for _, f := range list.List {
		ids = append(ids, f.Names...)
		if sel, ok := f.Type.(*ast.SelectorExpr); ok && len(f.Names) == 0 {
			ids = append(ids, sel.Sel)
		}
	}
	return ids
}
