// Mutate tells whether tests bite: it exchanges one operator of a package after the
// other and runs some of its tests each time. It prints each mutant that those tests
// don't notice, and at the end what share they noticed:
//
//	go run ./internal/test/mutate -run '^TestLimit' driver limit.go limit_upload.go
//
// Comparisons and conditions are all built into one test binary, which is told by an
// environment variable which mutant to be, so that a mutant costs only the tests. An
// exchanged + or ++ is built by itself. See .ci/mutate for what is run this way.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
)

func main() {
	tests := flag.String("run", "", "run the tests that match this `regexp`, \"\" for all")
	skip := flag.String("skip", "", "skip the tests that match this `regexp`")
	only := flag.String("only", "", "make the mutants whose printed line matches this `regexp`")
	workers := flag.Int("workers", runtime.NumCPU(), "`number` of mutants at once")
	threshold := flag.Float64("threshold", 0, "fail if less than this `percentage` is noticed")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: mutate [options] DIRECTORY FILE...")
		flag.PrintDefaults()
		os.Exit(2)
	}
	pattern, err := regexp.Compile(*only)
	if err != nil {
		fail(err)
	}
	tmp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		fail(err)
	}
	r := runner{dir: flag.Arg(0), files: flag.Args()[1:], tmp: tmp, tests: *tests, skip: *skip, only: pattern, workers: *workers, out: os.Stdout}
	sum, err := r.run()
	os.RemoveAll(tmp)
	if err != nil {
		fail(err)
	}
	fmt.Println(sum)
	if sum.efficacy() < *threshold {
		fail(fmt.Errorf("less than %.1f %%", *threshold))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutate:", err)
	os.Exit(1)
}
