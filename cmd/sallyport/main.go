// Command sallyport serves a directory over FTPS, and helps with the firewalls
// in between.
//
//	go run github.com/sallyport/sallyport/cmd/sallyport serve DIR
//
// serves DIR with a certificate and a password made for this run, and prints how
// to try it and what a firewall must let through. "sallyport firewall" writes the
// latter as rules or as a letter, and "sallyport probe HOST" says what is wrong
// with an FTPS server. "sallyport test" is a throwaway server for the tests of
// programs in any language. "sallyport help" lists the commands.
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

  sallyport serve DIR     serve a directory
  sallyport config        print, check or show a configuration file for that
  sallyport firewall      print what firewalls must let through, as rules or as a letter
  sallyport probe HOST    say what is wrong with an FTPS server, seen from here
  sallyport test          start a throwaway server for tests in any language
  sallyport status        say how a server that runs on this host is; sessions and ports say more
  sallyport kick          end sessions of that server; reload has it read its configuration
                          again, and drain has it shut down
  sallyport upgrade       have that server go on as the program that is installed now
  sallyport ban ADDRESS   have that server take no connections from there; unban and bans
  sallyport vsftpd        serve by the configuration of vsftpd, check or translate it
  sallyport version       say which version this is
  sallyport help COMMAND  list the options of a command
`

// Exit statuses.
const (
	statusFailed      = 1 // the command failed, or a probe found failures
	statusUsage       = 2 // the command line is wrong
	statusUnreachable = 3 // a probe reached nothing, or no server listens on a control socket
)

// exitStatus is an error that only sets the exit status: everything has been
// said already.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("status %d", int(s)) }

func main() {
	if len(os.Args) > 1 && os.Args[1] == "part" { // this process is a part of a split server
		end(runPart(os.Args[2:]))
		return
	}
	serveMain(func() {
		runMain()
		os.Exit(0)
	})
	runMain()
}

func runMain() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	args := os.Args[1:]
	if calledVsftpd() {
		args = append([]string{vsftpdCommand}, args...)
	}
	end(run(ctx, args, os.Stdout, os.Stderr))
}

// end ends the program with the message and the exit status of err; it returns
// for nil.
func end(err error) {
	if err == nil {
		return
	}
	if status, ok := err.(exitStatus); ok {
		os.Exit(int(status))
	}
	say(os.Stderr, complaint(err))
	if errors.As(err, new(*usageError)) {
		os.Exit(statusUsage)
	}
	os.Exit(statusFailed)
}

// run runs the command that the command line names. A server drains once ctx
// ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return &usageError{"", []error{errors.New("no command is given; to serve a directory: sallyport serve DIR")}}
	}
	switch cmd, rest := args[0], args[1:]; cmd {
	case "serve":
		return runServe(ctx, rest, stdout, stderr)
	case "config":
		return runConfig(ctx, rest, os.Stdin, stdout, stderr)
	case "firewall":
		return runFirewall(rest, stdout)
	case "probe":
		return runProbe(ctx, rest, stdout, stderr)
	case "test":
		return runTest(ctx, rest, os.Stdin, stdout, stderr)
	case "status", "sessions", "kick", "ban", "unban", "bans", "ports", "reload", "upgrade", "drain":
		return runOperate(ctx, cmd, rest, stdout, stderr)
	case vsftpdCommand:
		return runVsftpd(ctx, rest, stdout, stderr)
	case "version", "--version", "-version":
		return printVersion(stdout)
	case "help", "--help", "-help", "-h":
		return printHelp(rest, stdout)
	default:
		return &usageError{"", []error{fmt.Errorf("unknown command %q; want serve, config, firewall, probe, test, status, sessions, kick, ban, unban, bans, ports, reload, upgrade, drain, vsftpd, version or help", cmd)}}
	}
}

func printHelp(args []string, stdout io.Writer) error {
	out := usage
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			out = serveUsage + describe(new(settings).options())
		case "config":
			out = configUsage
		case "firewall":
			out = firewallUsage + describe(new(rulesSettings).options())
		case "probe":
			out = probeUsage + describe(new(probeSettings).options())
		case "test":
			out = testUsage + describe(new(testSettings).options())
		case vsftpdCommand:
			out = vsftpdUsage
		case "status", "sessions", "kick", "ban", "unban", "bans", "ports", "reload", "upgrade", "drain":
			out = operateUsage + describe(new(operateSettings).options(""))
		}
	}
	_, err := io.WriteString(stdout, out)
	return err
}
