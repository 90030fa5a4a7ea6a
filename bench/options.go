package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
)

// options holds the options of the command line.
type options struct {
	run      *regexp.Regexp // matches the workloads to run
	servers  []string       // names of contenders; empty for all
	rounds   int
	quick    bool
	list     bool
	daemons  string
	markdown bool
	check    bool
	json     string
	svg      string
	from     string
	growth   bool
	soak     time.Duration
}

// errUsage means that the command line makes no sense.
var errUsage = errors.New("usage")

// parse parses the command line, and prints what is wrong with it.
func parse(args []string, stderr io.Writer) (*options, error) {
	opts := new(options)
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	run := flags.String("run", "", "run only the workloads that match this `REGEXP`")
	servers := flags.String("servers", "", "run only the servers of this comma-separated `LIST`")
	flags.IntVar(&opts.rounds, "rounds", 5, "run each workload this `number` of times on each server")
	flags.BoolVar(&opts.quick, "quick", false, "do a hundredth of the work once: a trial, not a measurement")
	flags.BoolVar(&opts.list, "list", false, "list the workloads and the servers, and run none")
	flags.StringVar(&opts.daemons, "daemons", os.Getenv("SALLYPORT_FTPDS"), "keep the other servers in this `DIR` (also SALLYPORT_FTPDS; default a cache directory)")
	flags.BoolVar(&opts.markdown, "markdown", false, "print the tables as Markdown")
	flags.BoolVar(&opts.check, "check", false, "fail when a mark is missed")
	flags.StringVar(&opts.json, "json", "", "write every sample to this `FILE`")
	flags.StringVar(&opts.svg, "svg", "", "draw the chart in this `FILE`")
	flags.StringVar(&opts.from, "from", "", "measure nothing; report what an earlier run wrote with -json to this `FILE`")
	flags.BoolVar(&opts.growth, "growth", false, "measure how the costs of "+ours+" alone grow with sessions and entries")
	flags.DurationVar(&opts.soak, "soak", 0, "load "+ours+" alone for a `TIME`, such as 20m, and see what it still holds afterwards")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, errUsage
	}
	wrong := func(format string, a ...any) (*options, error) {
		fmt.Fprintf(stderr, "bench: "+format+"\n", a...)
		return nil, errUsage
	}
	var err error
	if opts.run, err = regexp.Compile(*run); err != nil {
		return wrong("-run: %v", err)
	}
	if opts.rounds < 1 {
		return wrong("-rounds is %d; want 1 or more", opts.rounds)
	}
	if flags.NArg() > 0 {
		return wrong("unexpected argument %q", flags.Arg(0))
	}
	if *servers != "" {
		opts.servers = strings.Split(*servers, ",")
	}
	if opts.quick {
		opts.rounds = 1
	}
	return opts, nil
}
