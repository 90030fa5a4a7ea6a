package drivertest

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/driver"
)

//go:embed cases.txt
var casesText string

// errorNames are the words that a script has for errors.
var errorNames = map[string]error{
	"not-exist":   fs.ErrNotExist,
	"exist":       fs.ErrExist,
	"permission":  fs.ErrPermission,
	"invalid":     fs.ErrInvalid,
	"unsupported": errors.ErrUnsupported,
	"is-dir":      driver.ErrIsDir,
	"not-dir":     driver.ErrNotDir,
	"not-empty":   driver.ErrNotEmpty,
	"offset":      driver.ErrOffset,
	"name":        driver.ErrName,
	"quota":       driver.ErrQuota,
}

// A script is a case of cases.txt: its steps run on a new FS.
type script struct {
	name, sentence string
	steps          []step
}

// A step is one line: a verb with arguments and, after "want", what must come of
// the step. A line without "want" must succeed.
type step struct {
	line int
	args []string
	want []string
}

// parseScripts reads the form of cases.txt:
//
//	# a comment
//	== name: the sentence that the steps enforce
//	mkdir "a b" want not-exist
func parseScripts(text string) ([]script, error) {
	var all []script
	sc := bufio.NewScanner(strings.NewReader(text))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimSpace(sc.Text())
		switch title, ok := strings.CutPrefix(line, "== "); {
		case line == "" || line[0] == '#':
		case ok:
			name, sentence, ok := strings.Cut(title, ": ")
			if !ok {
				return nil, fmt.Errorf("line %d: no sentence", n)
			}
			all = append(all, script{name: name, sentence: sentence})
		case len(all) == 0:
			return nil, fmt.Errorf("line %d: a step before any title", n)
		default:
			st, err := parseStep(line)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			st.line = n
			s := &all[len(all)-1]
			s.steps = append(s.steps, st)
		}
	}
	return all, sc.Err()
}

func parseStep(line string) (step, error) {
	words, err := split(line)
	if err != nil {
		return step{}, err
	}
	st := step{args: words}
	if i := slices.Index(words, "want"); i >= 0 {
		st.args, st.want = words[:i], words[i+1:]
		if len(st.want) == 0 {
			return step{}, errors.New("nothing wanted")
		}
	}
	if len(st.args) == 0 {
		return step{}, errors.New("no verb")
	}
	return st, nil
}

// split cuts a line into words. A word in quotes is a string of Go; it keeps its
// first quote, so that "want" in quotes is no keyword.
func split(line string) ([]string, error) {
	var words []string
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		if line[0] == '"' {
			q, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("quotes: %w", err)
			}
			s, err := strconv.Unquote(q)
			if err != nil {
				return nil, fmt.Errorf("quotes: %w", err)
			}
			words, line = append(words, `"`+s), line[len(q):]
			continue
		}
		i := strings.IndexAny(line, " \t\"")
		if i < 0 {
			i = len(line)
		}
		words, line = append(words, line[:i]), line[i:]
	}
	return words, nil
}

// plain returns a word without the mark of its quotes.
func plain(word string) string { return strings.TrimPrefix(word, `"`) }

// String returns the line that parseStep reads back.
func (s step) String() string {
	words := slices.Clone(s.args)
	if s.want != nil {
		words = append(append(words, "want"), s.want...)
	}
	for i, w := range words {
		if strings.HasPrefix(w, `"`) {
			words[i] = strconv.Quote(w[1:])
		}
	}
	return strings.Join(words, " ")
}
