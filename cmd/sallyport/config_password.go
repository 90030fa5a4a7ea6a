package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
)

// hashKind returns the kind of hash that the arguments of config password ask for.
func hashKind(args []string) (string, error) {
	kind := passhash.Kinds()[0]
	rest, errs := parse([]option{{"kind", "KIND", "", choice(&kind, passhash.Kinds()...)}}, args)
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("password takes no argument, and reads the password itself: %d too many", len(rest))) // doesn't repeat the arguments, which may be a password
	}
	return kind, errors.Join(errs...)
}

// hashPassword reads a password, from a terminal twice and without echo, and prints a hash
// of it.
func hashPassword(kind string, in *os.File, stdout, stderr io.Writer) error {
	password, err := readPassword(in, stderr)
	if err != nil {
		return err
	}
	hash, err := passhash.Make(kind, password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, hash)
	return err
}

func readPassword(in *os.File, stderr io.Writer) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(in).ReadString('\n')
		if err == io.EOF {
			err = nil // accepts a last line without an end
		}
		return strings.TrimRight(line, "\r\n"), err
	}
	var said [2]string
	for i, prompt := range []string{"Password: ", "Once more: "} {
		io.WriteString(stderr, prompt)
		text, err := term.ReadPassword(int(in.Fd()))
		io.WriteString(stderr, "\n")
		if err != nil {
			return "", err
		}
		said[i] = string(text)
	}
	if said[0] != said[1] {
		return "", errors.New("these were two different passwords")
	}
	return said[0], nil
}
