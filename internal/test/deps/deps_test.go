package deps

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// embedded lists the packages that programs build on. A program that imports them
// gets their dependencies too, so there are few.
var embedded = []string{"server", "driver", "driver/drivertest", "passive", "tls", "firewall", "probe", "ftpstest"}

const module = "github.com/sallyport/sallyport"

// allowed lists the modules of others that these packages may need, by prefix.
var allowed = []string{"golang.org/x/", "github.com/spf13/afero/"}

func TestEmbedded(t *testing.T) {
	for _, name := range embedded {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+"/"+name)
			out, err := cmd.Output()
			if exit, ok := err.(*exec.ExitError); ok {
				t.Fatalf("go list: %v\n%s", err, exit.Stderr)
			}
			if err != nil {
				t.Fatal(err)
			}
			for path := range strings.FieldsSeq(string(out)) {
				if !mayImport(path) {
					t.Errorf("%s depends on %s; only the standard library, golang.org/x and afero are for embedders", name, path)
				}
			}
		})
	}
}

// The modules that the root's go.mod names are in the list of every program that
// embeds it, needed or not. testify is there for the tests.
func TestRequirements(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json", "../../../go.mod").Output()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace, Exclude []any
	}
	if err := json.Unmarshal(out, &file); err != nil {
		t.Fatal(err)
	}
	for _, r := range file.Require {
		if !r.Indirect && !mayImport(r.Path) && r.Path != "github.com/stretchr/testify" {
			t.Errorf("go.mod requires %s", r.Path)
		}
	}
	if len(file.Require) == 0 || len(file.Replace)+len(file.Exclude) > 0 {
		t.Errorf("go.mod is %+v", file)
	}
}

func mayImport(path string) bool {
	for _, prefix := range append(allowed, module+"/") {
		if strings.HasPrefix(path+"/", prefix) {
			return true
		}
	}
	return false
}
