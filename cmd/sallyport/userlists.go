package main

import (
	"fmt"
	"os"
	"strings"
)

// userList holds the names of a file of users; nil without a file.
type userList map[string]bool

// readUserLists reads the files of users who may log in, and of those who may not.
func (s *settings) readUserLists() []error {
	var errs mistakes
	for _, l := range []struct {
		option, file string
		to           *userList
	}{{"allowed-users", s.allowedFile, &s.allowed}, {"refused-users", s.refusedFile, &s.refused}} {
		if l.file == "" {
			continue
		}
		text, err := os.ReadFile(l.file)
		errs.add(s.head(l.option), err)
		*l.to = userList{}
		for line := range strings.Lines(string(text)) {
			if name := strings.TrimSpace(line); name != "" && name[0] != '#' {
				(*l.to)[name] = true
			}
		}
	}
	return errs
}

// unlisted returns why a user may not log in whatever the password is; empty for a user who may.
func (s *settings) unlisted(user string) string {
	switch {
	case s.refused[user]:
		return fmt.Sprintf("%s has the name", s.at("refused-users"))
	case s.allowed != nil && !s.allowed[user]:
		return fmt.Sprintf("%s has not the name", s.at("allowed-users"))
	}
	return ""
}
