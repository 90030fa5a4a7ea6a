package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence matches a block of code in a document, with the file that it is quoted
// from and its language.
var fence = regexp.MustCompile("(?ms)^(?:<!-- from (\\S+) -->\n)?```(\\w*)\n(.*?)^```$")

// link matches a link to a file of the repository.
var link = regexp.MustCompile(`\]\(([^):#]+)(?:#[^)]*)?\)`)

// Go code in documents is quoted from files that are compiled and tested, and so
// is other code that names its file.
func TestDocumentsQuoteWhatCompiles(t *testing.T) {
	for name, text := range documents(t) {
		for _, block := range fence.FindAllStringSubmatch(text, -1) {
			from, language, code := block[1], block[2], block[3]
			if from == "" {
				if language == "go" {
					t.Errorf("%s: a block of Go doesn't say where it is from:\n%s", name, code)
				}
				continue
			}
			source, err := os.ReadFile(filepath.Join("..", from))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !strings.Contains(outdent(string(source)), outdent(code)) {
				t.Errorf("%s: %s doesn't hold:\n%s", name, from, code)
			}
		}
	}
}

func TestDocumentsLinkToWhatExists(t *testing.T) {
	for name, text := range documents(t) {
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), l[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// ourFile matches the path of a file of this repository, from the root.
var ourFile = regexp.MustCompile("`((?:bench|cmd|docs|driver|examples|firewall|internal|passive|probe|proxyproto|server|tls)/[\\w./-]+\\.(?:go|md|txt|sh))`")

func TestDocumentsNameFilesThatExist(t *testing.T) {
	found := 0
	for name, text := range documents(t) {
		if strings.HasSuffix(name, "CHANGELOG.md") {
			continue // names files of the past, too
		}
		for _, f := range ourFile.FindAllStringSubmatch(text, -1) {
			found++
			if _, err := os.Stat(filepath.Join("..", f[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d files were found", found)
	}
}

// Each example is in the list of examples.
func TestExamplesAreListed(t *testing.T) {
	list, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.Contains(string(list), "]("+e.Name()+")") {
			t.Errorf("examples/README.md doesn't list %s", e.Name())
		}
	}
}

// documents returns the texts of the repository's documents by file name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../examples/*.md", "../bench/*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("no documents like %s: %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = strings.ReplaceAll(string(text), "\r\n", "\n")
		}
	}
	return texts
}

// outdent drops indentation, which differs between a file and a quotation.
func outdent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}
