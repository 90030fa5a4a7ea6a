// Command sallyport serves a directory over FTPS.
//
//	go run github.com/sallyport/sallyport/cmd/sallyport serve DIR
//
// starts with a certificate and a password made for this run, and prints how to
// try it and what a firewall must let through. "sallyport help" lists the
// options.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `Sallyport is an FTPS server that firewalls can live with.

  sallyport serve DIR    serve a directory; "sallyport help serve" lists the options
  sallyport version      say which version this is
  sallyport help         say this
`

// Exit statuses.
const (
	statusFailed = 1 // it could not do what it was asked to
	statusUsage  = 2 // it was asked in the wrong way
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, complaint(err))
	if errors.As(err, new(*usageError)) {
		os.Exit(statusUsage)
	}
	os.Exit(statusFailed)
}

// run does what the command line says. When ctx ends a server drains.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return &usageError{"", []error{errors.New("no command is given; to serve a directory: sallyport serve DIR")}}
	}
	switch cmd, rest := args[0], args[1:]; cmd {
	case "serve":
		return runServe(ctx, rest, stdout, stderr)
	case "version", "--version", "-version":
		return printVersion(stdout)
	case "help", "--help", "-help", "-h":
		return printHelp(rest, stdout)
	default:
		return &usageError{"", []error{fmt.Errorf("unknown command %q; want serve, version or help", cmd)}}
	}
}

func printHelp(args []string, stdout io.Writer) error {
	text := usage
	if len(args) > 0 && args[0] == "serve" {
		text = serveUsage(new(settings).options())
	}
	_, err := io.WriteString(stdout, text)
	return err
}
