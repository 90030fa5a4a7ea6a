package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	// placeRow is a row of the tables that say where something is: a file, and a
	// name in it.
	placeRow = regexp.MustCompile("(?m)^\\|[^|]+\\| `([^`]+)` \\| `(\\w+)` \\|$")
	// placed is a path in prose: one with a slash, or with the ending of a file.
	placed = regexp.MustCompile("`([\\w.-]+/[\\w./-]*|[\\w-]+\\.(?:go|md|mod|work))`")
)

// CONTRIBUTING.md leads to files and names that are there.
func TestContributingLeadsSomewhere(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := placeRow.FindAllStringSubmatch(string(text), -1)
	if len(rows) < 15 {
		t.Errorf("only %d rows that lead to a name", len(rows))
	}
	for _, row := range rows {
		source, err := os.ReadFile(filepath.Join("..", row[1]))
		if err != nil {
			t.Error(err)
			continue
		}
		if !declares(string(source), row[2]) {
			t.Errorf("%s doesn't declare %s", row[1], row[2])
		}
	}
	for _, path := range placed.FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(path[1], "golang.org/") || path[1] == "testing/synctest" {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", path[1])); err != nil {
			t.Error(err)
		}
	}
}

// declares reports whether Go declares a name: a function, a type, a constant or a
// field.
func declares(source, name string) bool {
	return regexp.MustCompile(`(?m)^(?:func (?:\([^)]*\) )?|type |\t|const |var )` + name + `\b`).MatchString(source)
}
