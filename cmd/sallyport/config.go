package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sallyport/sallyport/internal/joined"
)

const configUsage = `sallyport config example
sallyport config check [DIR] [--option value ...]
sallyport config show [DIR] [--option value ...]
sallyport config password [--kind bcrypt|argon2id|sha512]

example prints a configuration file with every option, all of them commented out.

check says what is wrong with the configuration, and what is legal but unwise, and serves
nothing. Its status is 0 if nothing is wrong, whatever is unwise, and 2 otherwise.

show prints the values that serve would go by, each with where it comes from. Passwords are
left out.

password reads a password, from a terminal or as a line of its standard input, and prints a
hash of it, which is what configuration files and --user take. The hash is one of bcrypt unless
--kind says something else.

check and show take the options of serve, and read the environment and the configuration
files as serve does: sallyport help serve.
`

// runConfig runs the command config.
func runConfig(ctx context.Context, args []string, stdin *os.File, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return &usageError{"config", []error{errors.New("say what to do: sallyport config example, check, show or password")}}
	}
	var say func(ctx context.Context, s *settings, wrong error) (string, error)
	switch args[0] {
	case "password":
		kind, err := hashKind(args[1:])
		if err == errHelp {
			return printHelp([]string{"config"}, stdout)
		}
		if err != nil {
			return &usageError{"config", joined.Errors(err)}
		}
		return hashPassword(kind, stdin, stdout, stderr)
	case "example":
		if len(args) > 1 {
			return &usageError{"config", []error{fmt.Errorf("%s takes nothing more: %q", args[0], args[1])}}
		}
		_, err := io.WriteString(stdout, exampleConfig())
		return err
	case "check":
		say = checked
	case "show":
		say = shownConfig
	case "help", "--help", "-help", "-h":
		return printHelp([]string{"config"}, stdout)
	default:
		return &usageError{"config", []error{fmt.Errorf("unknown command %q; want example, check, show or password", args[0])}}
	}
	s, err := load("config", args[1:], os.Environ())
	if err == errHelp {
		return printHelp([]string{"config"}, stdout)
	}
	text, err := say(ctx, s, err)
	if err != nil {
		return err
	}
	_, err = io.WriteString(stdout, text)
	return err
}
