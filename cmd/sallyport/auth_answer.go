package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

const (
	// askedFor is how long a program or endpoint may take.
	askedFor = 10 * time.Second
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 32 << 10
	// maxProblem bounds what the log says of a wrong answer, in bytes.
	maxProblem = 1000
)

// errSlow means that a program or endpoint has taken longer than askedFor.
var errSlow = fmt.Errorf("no answer within %v", askedFor)

// answers makes accounts of what a program or an endpoint answers about users.
type answers struct {
	*questions
	settings *settings
}

func newAnswers(s *settings) answers { return answers{newQuestions(mostAsked), s} }

// whoDecided is the problem of a key about the password in an answer.
const whoDecided = "who answers has decided already; leave it out"

// asks reports whether a program or an endpoint is asked about an attempt. It is not asked about a certificate alone,
// nor about a name that is not UTF-8 or has control characters, which might mean something else there than here.
func (s answers) asks(at *attempt) bool {
	return at.Password != "" && checkName(at.User) == nil && utf8.ValidString(at.User) &&
		utf8.ValidString(at.Password) && !strings.ContainsRune(at.Password, 0)
}

// read reads an answer, which has the keys of a user's table, and checks it as strictly as a file. source is the name
// of the answer in problems.
func (s answers) read(source, user string, text []byte) (*account, error) {
	var a account
	table := strict.Key("user", user)
	places, problems := strict.ReadJSON(table, &a, strict.Source{Name: source, Text: text})
	for key, why := range inOrder(map[string]string{
		"password": whoDecided, "certificate-login": whoDecided, "host-login": whoDecided, "check-program": "programs are named by the configuration only; name a group that has it",
	}) {
		if places.Set(table + "." + key) {
			problems = append(problems, places.Problem(table+"."+key, "%s", why))
		}
	}
	if len(problems) == 0 {
		problems = s.settings.groups.complete(table, user, &a, places)
	}
	var errs []error
	for _, p := range problems {
		errs = append(errs, p)
	}
	if len(errs) > 0 {
		return nil, errors.New(shortened(errors.Join(errs...).Error(), maxProblem))
	}
	a, err := s.settings.housed(user, a)
	if err != nil {
		return nil, s.settings.told("home", err)
	}
	if s.settings.dir == "" && needsDir(a) {
		return nil, fmt.Errorf("the home %q, or a folder, is in the directory that is served, and there is none; want an absolute path", a.Home)
	}
	if err := s.settings.checkRoots(&a); err != nil {
		return nil, err
	}
	if err := s.settings.checkSystemUserOf(&a); err != nil {
		return nil, fmt.Errorf("system-user: %w", err)
	}
	a.Password, a.Certificate, a.HostLogin = "", false, false // a group may have set these
	return &a, nil
}

// shortened cuts a text off after most bytes.
func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " ..."
}
