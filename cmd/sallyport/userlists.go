package main

import (
	"fmt"
	"os"
	"strings"
)

// userList holds the names of a file of users, or the passwords of one for anonymous users; nil without a file.
type userList map[string]bool

// userListFile is a file of users or passwords.
type userListFile struct {
	at, file string // where the file is named, and its path
	to       *userList
}

// readUserLists reads the files of users who may log in, and of those who may not, and likewise of passwords.
func (s *settings) readUserLists() []error {
	lists := []userListFile{{s.head("allowed-users"), s.allowedFile, &s.allowed}, {s.head("refused-users"), s.refusedFile, &s.refused}}
	if a := s.anonymous; a != nil {
		lists = append(lists, userListFile{a.from["passwords"], a.Emails, &s.emails}, userListFile{a.from["refused-passwords"], a.NoEmails, &s.noEmails})
	}
	var errs mistakes
	for _, l := range lists {
		if l.file == "" {
			continue
		}
		text, err := os.ReadFile(l.file)
		errs.add(l.at, err)
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
