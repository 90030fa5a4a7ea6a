package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/passive"
)

// ours is the contender that the others are compared with.
const ours = "Sallyport"

// split is the contender that runs Sallyport in several processes, one for each
// user's files. It is not compared with the other servers; it has marks of its own.
const split = "Sallyport run-as"

func main() {
	if part() {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends this program at once
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2) // package flag has printed what is wrong
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// part runs the limit or a child, and reports whether the arguments ask for one of
// them.
func part() bool {
	switch {
	case len(os.Args) < 2:
		return false
	case os.Args[1] == limitArg:
		runLimit()
	case os.Args[1] == childArg:
		runChild()
	default:
		return false
	}
	return true
}

// command runs what the command line asks for.
func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	opts, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if opts.list {
		return list(stdout, contenders(), workloads())
	}
	if opts.growth || opts.soak > 0 {
		return inside(ctx, opts, stdout, stderr)
	}
	var rep *report
	if opts.from != "" {
		rep, err = readReport(opts.from)
	} else {
		rep, err = measure(ctx, opts, stderr)
	}
	switch {
	case rep == nil || len(rep.Outcomes) == 0 && err != nil:
		return err
	case err != nil: // what was measured before is worth seeing, and no file
		return errors.Join(err, publish(rep, &options{markdown: opts.markdown}, stdout))
	}
	return publish(rep, opts, stdout)
}

// list prints the workloads and the contenders.
func list(w io.Writer, contenders []contender, workloads []workload) error {
	var out strings.Builder
	for _, wl := range workloads {
		fmt.Fprintf(&out, "%-18s %s\n", wl.name, wl.title)
	}
	out.WriteByte('\n')
	for _, c := range contenders {
		fmt.Fprintln(&out, c.name)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// measure runs the workloads that the options select.
func measure(ctx context.Context, opts *options, progress io.Writer) (*report, error) {
	limit := limitContender()
	r := &runner{
		limit: limit.name, rounds: opts.rounds, enough: 40 * time.Second, patience: 5 * time.Minute,
		quick: opts.quick, progress: progress,
	}
	var err error
	if r.contenders, err = choose(contenders(), opts.servers); err != nil {
		return nil, err
	}
	r.contenders = append(r.contenders, limit) // runs its own workload only
	r.workloads = slices.DeleteFunc(workloads(), func(w workload) bool { return !opts.run.MatchString(w.name) })
	if len(r.workloads) == 0 {
		return nil, fmt.Errorf("no workload matches %q; -list lists them", opts.run)
	}
	if err := free(ctx, usualPorts); err != nil {
		return nil, err
	}
	if r.setup.daemons, err = fetch(ctx, opts.daemons, r.contenders, progress); err != nil {
		return nil, err
	}
	dir, remove, err := memoryDir()
	if err != nil {
		return nil, err
	}
	defer remove()
	r.dir = dir
	if err := r.setup.furnish(dir); err != nil {
		return nil, err
	}
	rep := &report{
		Machine: thisMachine(), Quick: opts.quick,
		Servers: versions(r.contenders, r.limit, r.setup.daemons), Limit: r.limit,
	}
	rep.Outcomes, err = r.run(ctx)
	return rep, err
}

// free returns an error if somebody listens on a data port: another run of this
// program would spoil both.
func free(ctx context.Context, set string) error {
	ports, err := passive.Range(set)
	if err != nil {
		return err
	}
	defer ports.Close()
	return ports.Check(ctx, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
}

// inside runs growth or soak, which measure Sallyport alone.
func inside(ctx context.Context, opts *options, stdout, progress io.Writer) error {
	dir, remove, err := memoryDir()
	if err != nil {
		return err
	}
	defer remove()
	s := setup{ports: usualPorts}
	if err := s.furnish(dir); err != nil {
		return err
	}
	if opts.growth {
		return usualGrowth(s, opts.quick, progress).run(ctx, stdout)
	}
	return usualSoak(s, opts.soak, progress).run(ctx, stdout)
}

// choose returns the contenders of some names, whose case doesn't matter.
func choose(all []contender, names []string) ([]contender, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []contender
	for _, name := range names {
		i := slices.IndexFunc(all, func(c contender) bool { return strings.EqualFold(c.name, strings.TrimSpace(name)) })
		if i < 0 {
			return nil, fmt.Errorf("no server is called %q; -list lists them", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// publish prints a report, and writes the files that the options name.
func publish(rep *report, opts *options, stdout io.Writer) error {
	form := text
	if opts.markdown {
		form = markdown
	}
	if err := rep.print(stdout, form); err != nil {
		return err
	}
	if opts.json != "" {
		if err := rep.write(opts.json); err != nil {
			return err
		}
	}
	if opts.svg != "" {
		if err := replace(opts.svg, rep.chart()); err != nil {
			return err
		}
	}
	if n := missed(rep.judge()); opts.check && n > 0 {
		return fmt.Errorf("%s missed", plural(n, "mark"))
	}
	return nil
}

// replace replaces a file: it has the new content as a whole, or stays as it was.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".bench-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
