package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// environment is the environment variable with the number of the mutant to be, and
// variable the variable of the package that holds this number.
const (
	environment = "SALLYPORT_MUTANT"
	variable    = "mutantChosen"
)

// switchFile is the file that is added to the package %s.
const switchFile = "package %s\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar " + variable + ", _ = strconv.Atoi(os.Getenv(\"" + environment + "\"))\n"

// A fate says what has become of a mutant.
type fate string

const (
	killed    fate = "killed"
	lived     fate = "lived"
	timedOut  fate = "timed out"  // noticed, counts neither way
	notViable fate = "not viable" // doesn't compile
)

// A summary counts mutants by their fate.
type summary map[fate]int

// efficacy returns the percentage of killed mutants among all that were killed or
// lived.
func (s summary) efficacy() float64 {
	if s[killed]+s[lived] == 0 {
		return 100
	}
	return 100 * float64(s[killed]) / float64(s[killed]+s[lived])
}

func (s summary) String() string {
	return fmt.Sprintf("killed %d, lived %d, timed out %d, not viable %d: efficacy %.1f %%",
		s[killed], s[lived], s[timedOut], s[notViable], s.efficacy())
}

// A runner mutates files of the package in dir and runs its tests.
type runner struct {
	dir         string
	files       []string
	tmp         string // for what is built
	tests, skip string // as of go test
	only        *regexp.Regexp
	workers     int
	out         io.Writer // hears of mutants that lived

	patience time.Duration // with one run of the tests
}

func (r *runner) run() (summary, error) {
	all, err := r.build()
	if err != nil {
		return nil, err
	}
	r.patience = 10 * time.Minute
	start := time.Now()
	if f, text := r.try(r.binary(0), 0); f != lived {
		return nil, fmt.Errorf("the tests fail without a mutant:\n%s", text)
	}
	r.patience = 10*time.Second + 5*time.Since(start)
	return r.tryAll(all), nil
}

// build builds the binary that has the mutants, and returns them all.
func (r *runner) build() ([]mutant, error) {
	var all []mutant
	replace := map[string]string{}
	for _, name := range r.files {
		text, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			return nil, err
		}
		instrumented, err := instrument(name, string(text), &all)
		if err != nil {
			return nil, err
		}
		replace[name] = instrumented
	}
	name, err := r.packageName()
	if err != nil {
		return nil, err
	}
	replace["mutant_chosen.go"] = fmt.Sprintf(switchFile, name)
	return all, r.compile(0, replace)
}

func (r *runner) packageName() (string, error) {
	cmd := exec.Command("go", "list", "-f", "{{.Name}}", ".")
	cmd.Dir = r.dir
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// binary returns the path of the tests of a mutant. Windows runs only files that end in
// .exe.
func (r *runner) binary(number int) string {
	return filepath.Join(r.tmp, fmt.Sprintf("%d.exe", number))
}

// compile builds the tests of the package, with files in place of those of the same name.
func (r *runner) compile(number int, files map[string]string) error {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	dir, err := filepath.Abs(r.dir)
	if err != nil {
		return err
	}
	for name, text := range files {
		temp := filepath.Join(r.tmp, fmt.Sprintf("%d_%s", number, name))
		if err := os.WriteFile(temp, []byte(text), 0o666); err != nil {
			return err
		}
		overlay.Replace[filepath.Join(dir, name)] = temp
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	name := filepath.Join(r.tmp, fmt.Sprintf("%d.json", number))
	if err := os.WriteFile(name, text, 0o666); err != nil {
		return err
	}
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay", name, "-o", r.binary(number), ".")
	cmd.Dir = r.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// tryAll tries each mutant that was asked for, several at once.
func (r *runner) tryAll(all []mutant) summary {
	sum := summary{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan mutant)
	for range r.workers {
		workers.Go(func() {
			for m := range next {
				f := r.fate(m)
				mu.Lock()
				sum[f]++
				if f == lived {
					fmt.Fprintln(r.out, m)
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range all {
		if r.only.MatchString(m.String()) {
			next <- m
		}
	}
	close(next)
	workers.Wait()
	return sum
}

// fate finds out what becomes of a mutant.
func (r *runner) fate(m mutant) fate {
	if m.rebuilt == "" {
		f, _ := r.try(r.binary(0), m.number)
		return f
	}
	if r.compile(m.number, map[string]string{m.at.Filename: m.rebuilt}) != nil {
		return notViable
	}
	defer os.Remove(r.binary(m.number))
	f, _ := r.try(r.binary(m.number), 0)
	return f
}

// try runs the tests, and returns what they print as well. They get some seconds to say
// where they hang before they are ended.
func (r *runner) try(binary string, number int) (fate, string) {
	ctx, cancel := context.WithTimeout(context.Background(), r.patience+15*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.failfast", "-test.timeout="+r.patience.String(), "-test.run="+r.tests, "-test.skip="+r.skip)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), environment+"="+strconv.Itoa(number))
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch text := string(out); {
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return lived, text
	case ctx.Err() != nil || strings.Contains(text, "panic: test timed out"):
		return timedOut, text
	default:
		return killed, text
	}
}
