package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var (
	// placeRow matches a row of the tables that say where something is, with a file and
	// a name in it.
	placeRow = regexp.MustCompile("(?m)^\\|[^|]+\\| `([^`]+)` \\| `(\\w+)` \\|$")
	// placed matches a path in prose: a text with a slash, or with the ending of a file.
	placed = regexp.MustCompile("`([\\w.-]+/[\\w./-]*|[\\w-]+\\.(?:go|md|mod|work))`")
)

// The files and names that CONTRIBUTING.md leads to exist.
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

// CONTRIBUTING.md names each file that starts goroutines.
func TestGoroutinesAreListed(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "\n## Whose goroutine is it?\n")
	list, _, _ = strings.Cut(list, "\n## ")
	starts := regexp.MustCompile(`(?m)^\s*go [\w.]+[.({]|\.Go\(`)
	found := 0
	for _, pattern := range []string{"../server/*.go", "../passive/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimPrefix(filepath.ToSlash(file), "../")
			if strings.HasSuffix(name, "_test.go") || !starts.Match(source) {
				continue
			}
			found++
			if !strings.Contains(list, "`"+name+"`") {
				t.Errorf("%s starts goroutines and is not listed", name)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d files start goroutines", found)
	}
}

// Comment lines are no wider than CONTRIBUTING.md allows. The output of an example is
// left out, since it stands there as the program prints it.
func TestCommentsAreNoWider(t *testing.T) {
	output := regexp.MustCompile(`(?m)^\s*// (?:Unordered output|Output):.*\n(?:\s*//.*\n)*`)
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		for line := range strings.Lines(output.ReplaceAllString(string(text), "")) {
			line = strings.TrimRight(strings.ReplaceAll(line, "\t", "    "), "\r\n")
			if n := utf8.RuneCountInString(line); n > 120 && strings.HasPrefix(strings.TrimSpace(line), "//") {
				t.Errorf("%s: %d columns: %s", path, n, line)
			}
		}
		return err
	})
	if err != nil || files < 500 {
		t.Errorf("%d files, %v", files, err)
	}
}
