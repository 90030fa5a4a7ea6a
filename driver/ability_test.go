package driver_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/driver"
)

// abilities are the optional interfaces of an FS.
var abilities = []reflect.Type{
	reflect.TypeFor[driver.TimeSetter](), reflect.TypeFor[driver.ModeSetter](), reflect.TypeFor[driver.GroupSetter](),
	reflect.TypeFor[driver.Symlinker](), reflect.TypeFor[driver.LinkReader](), reflect.TypeFor[driver.SpaceReporter](),
	reflect.TypeFor[driver.StoreChecker](), reflect.TypeFor[driver.InPlacer](), reflect.TypeFor[driver.RawNamer](), reflect.TypeFor[driver.SameRemover](),
	reflect.TypeFor[driver.Checksummer](), reflect.TypeFor[driver.Scanner](), reflect.TypeFor[driver.OpChecker](),
}

// others are the interfaces of the package that are no abilities of an FS.
var others = []string{"Driver", "FS", "Upload", "Preparer", "StagedReader", "KeptReader", "FileUpload", "FileOwner", "FileID", "FilePart", "Passwordless", "Usage"}

// An interface that is added to the package must be listed above, as an ability
// or not. The tests below then tell which wrappers lack the ability.
func TestAbilitiesAreKnown(t *testing.T) {
	known := make(map[string]bool)
	for _, name := range others {
		known[name] = true
	}
	for _, a := range abilities {
		known[a.Name()] = true
	}
	found := 0
	for _, name := range interfaces(t) {
		assert.True(t, known[name], "is the interface %s an ability of an FS? Add it to abilities or others.", name)
		found++
	}
	require.Equal(t, len(known), found)
}

// interfaces are the exported ones of the package.
func interfaces(t *testing.T) (names []string) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.IsExported() {
				if _, ok := spec.Type.(*ast.InterfaceType); ok {
					names = append(names, spec.Name.Name)
				}
			}
			return true
		})
	}
	return names
}

// Every wrapper has every ability. A wrapper without one would hide that of the
// wrapped FS, or let a client get around what the wrapper restricts.
func TestWrappersHaveEveryAbility(t *testing.T) {
	mount, err := driver.Mount(map[string]driver.FS{".": driver.Mem()})
	require.NoError(t, err)
	lacks := map[string]string{
		"*driver.MountFS Scanner":           "each entry gets a name and an ID of its own",
		"*driver.withoutWrites SameRemover": "RemoveSame asks Remove, which refuses",
	}
	for _, fsys := range []driver.FS{
		limit(t, driver.Mem(), driver.Quota{Bytes: 1}), mount, driver.WithoutWrites(driver.Mem()), driver.Restrict(driver.Mem(), nil),
	} {
		_, unwraps := fsys.(interface{ Unwrap() driver.FS })
		assert.False(t, unwraps, "%T", fsys)
		for _, a := range abilities {
			what := reflect.TypeOf(fsys).String() + " " + a.Name()
			if reason, ok := lacks[what]; ok {
				assert.False(t, reflect.TypeOf(fsys).Implements(a), "%s: %s?", what, reason)
				continue
			}
			assert.True(t, reflect.TypeOf(fsys).Implements(a), what)
		}
	}
}

// methodsOf are the methods of FS and of all abilities.
func methodsOf() (names []string) {
	for _, i := range append(abilities, reflect.TypeFor[driver.FS]()) {
		for n := range i.NumMethod() {
			names = append(names, i.Method(n).Name)
		}
	}
	return names
}
