package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Exit statuses by which a program answers about an attempt. Any other status means that the program can't tell.
const (
	programAccepts  = 0
	programRefuses  = 1
	programDisowns  = 2
	maxProgramWords = 1000 // how many bytes of the program's standard error are logged
)

// authProgram asks a program about each attempt. The program gets the attempt as JSON on standard input and as
// variables of its environment, and answers with the keys of a user's table, as JSON on standard output.
type authProgram struct {
	answers
	argv      []string
	as        *programUser // who runs the program; nil for the server's own user
	run       runner
	overheard func(at *attempt, words string) // gets what the program has written to standard error; may be nil
}

// newAuthProgram finds the program and the user who runs it, or reports that one is missing.
func (s *settings) newAuthProgram(run runner) (*authProgram, error) {
	p := &authProgram{answers: newAnswers(s), argv: s.authProgram, run: run}
	_, err := exec.LookPath(p.argv[0]) // which is absolute
	if err != nil {
		err = s.told("auth-program", err)
	}
	if s.authProgramUser == "" {
		if os.Geteuid() == 0 {
			err = errors.Join(err, fmt.Errorf("%s: serve runs as root, and the program would, too; say who is to run it by auth-program-user, such as nobody, or root if it has to be", s.head("auth-program")))
		}
		return p, err
	}
	as, err2 := findProgramUser(s.authProgramUser)
	p.as = as
	return p, errors.Join(err, s.told("auth-program-user", err2))
}

// checkAuthProgram reports what is wrong with the options of the program as far as the options alone show.
func (s *settings) checkAuthProgram() error {
	switch {
	case len(s.authProgram) == 0 && s.authProgramUser != "":
		return fmt.Errorf("%s says who runs a program, and auth-program names none", s.at("auth-program-user"))
	case len(s.authProgram) > 0 && !filepath.IsAbs(s.authProgram[0]) && !strings.HasPrefix(s.authProgram[0], "/"): // without a volume's name
		return fmt.Errorf("%s: %q is no absolute path; want one such as /usr/local/bin/check, and arguments apart from it", s.head("auth-program"), s.authProgram[0])
	}
	return nil
}

func (p *authProgram) name() string { return "auth-program " + p.argv[0] }

func (p *authProgram) ask(ctx context.Context, at *attempt) (*account, decision, error) {
	if !p.asks(at) {
		return nil, notMine, nil
	}
	question, err := json.Marshal(at)
	if err != nil {
		return nil, refused, err
	}
	end, err := p.begin(ctx)
	if err != nil {
		return nil, refused, err
	}
	out, err := p.run(ctx, p.as, &errand{
		argv: p.argv, env: environmentOf(at), input: string(question) + "\n", patience: askedFor,
		maxSaid: maxAnswer, maxWords: maxProgramWords + len(at.Password),
	})
	end()
	words := withoutPassword(out.words, at.Password)
	if err == nil && out.status != programAccepts && out.status != programRefuses && out.status != programDisowns {
		err = fmt.Errorf("exit status %d", out.status)
	}
	if err != nil {
		if words != "" {
			err = fmt.Errorf("%w: %s", err, words)
		}
		return nil, refused, err
	}
	if words != "" && p.overheard != nil { // a program that fails may exit with programRefuses, too
		p.overheard(at, words)
	}
	switch out.status {
	case programRefuses:
		return nil, refused, nil
	case programDisowns:
		return nil, notMine, nil
	}
	a, err := p.read("its answer", at.User, out.said)
	return a, accepted, err
}

// withoutPassword returns the beginning of what a program has written, or a notice if the password occurs in words.
// words is longer than the beginning by the longest password, lest a password that is cut off in its middle go
// unnoticed.
func withoutPassword(words, password string) string {
	if strings.Contains(words, password) {
		return "(what it wrote is left out, for the password is in it)"
	}
	return shortened(strings.TrimSpace(strings.ToValidUTF8(words, "?")), maxProgramWords)
}

// environmentOf returns the environment of a program that is asked about an attempt. It passes on usualEnvironment
// alone, since the server's own environment may hold hashes.
func environmentOf(at *attempt) []string {
	return append(usualEnvironment(), "AUTH_USER="+at.User, "AUTH_PASSWORD="+at.Password, "AUTH_PEER="+at.Peer)
}

// usualEnvironment returns the variables of the server that every program gets: where programs are, and what they need
// to start.
func usualEnvironment() (env []string) {
	for _, name := range []string{"PATH", "TZ", "SystemRoot"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
