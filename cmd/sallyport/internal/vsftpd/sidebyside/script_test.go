package sidebyside

import (
	"os"
	"path/filepath"
	"strings"
)

// Script is a conversation. Its lines are commands, for which a data connection is opened where they need one, or begin
// with an @:
//
//	@login        logs in
//	@abort CMD    ends a download by ABOR, and by closing the data connection, when it has begun
//	@raw CMD      sends a command without opening a data connection
//	@active       has the server open data connections from here on
//	@connect      opens one more session, and leaves it open
//
// Data connections are those of PASV, which is a step of its own only if the server refuses it.
type Script struct {
	Name  string
	Lines []string
}

// scripts reads the scripts of testdata.
func scripts() (all []Script, err error) {
	files, err := filepath.Glob("testdata/scripts/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		s := Script{Name: strings.TrimSuffix(filepath.Base(file), ".txt")}
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "#") {
				s.Lines = append(s.Lines, strings.TrimSuffix(line, "\n"))
			}
		}
		all = append(all, s)
	}
	return all, err
}

// Step is a line of a script and what came of it: replies, as they came, and the data that was fetched.
type Step struct {
	Line    string
	Replies []string `json:",omitempty"`
	Data    string   `json:",omitempty"`
}
