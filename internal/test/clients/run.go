package clients

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// clientTime is how long one run of a client may take, the largest file
// included.
const clientTime = 2 * time.Minute

// Program says how to run a client's program.
type Program struct {
	Server *Server // whose transcript gets what the program says
	Home   string  // an empty directory, so that nobody's settings count
	Stdin  string
}

// Run runs a program and returns what it wrote to its standard output.
func (p Program) Run(path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), clientTime)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "HOME="+p.Home, "LC_ALL=C.UTF-8")
	cmd.Dir = p.Home
	cmd.Stdin = strings.NewReader(p.Stdin)
	cmd.Stdout = io.MultiWriter(&out, p.Server)
	cmd.Stderr = p.Server
	cmd.WaitDelay = 5 * time.Second
	fmt.Fprintf(p.Server, "$ %s %q\n%s", path, args, p.Stdin)
	err := cmd.Start()
	if err == nil {
		p.Server.tellStarted(cmd.Process)
		err = cmd.Wait()
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("%s did not end within %v", path, clientTime)
	}
	fmt.Fprintf(p.Server, "$ ended: %v\n", err)
	return out.String(), err
}

// longLine is a line of LIST as Unix prints it; the name is all that follows
// the time and one space.
var longLine = regexp.MustCompile(`(?m)^[-dl][-rwxstST]{9} +\d+ +\S+ +\S+ +\d+ +\w{3} +\d+ +[\d:]+ (.*?)\r?$`)

// Long returns the names in the output of LIST.
func Long(out string) (names []string) {
	for _, m := range longLine.FindAllStringSubmatch(out, -1) {
		names = append(names, m[1])
	}
	return names
}

// factLine is a line of MLSD: facts, a space, the name.
var factLine = regexp.MustCompile(`(?mi)^(?:[a-z.-]+=[^;]*;)+ (.*?)\r?$`)

// Facts returns the names in the output of MLSD, without the directory itself
// and its parent.
func Facts(out string) (names []string) {
	for _, m := range factLine.FindAllStringSubmatch(out, -1) {
		if m[1] != "." && m[1] != ".." && !strings.HasPrefix(m[1], "/") {
			names = append(names, m[1])
		}
	}
	return names
}

// Lines returns the lines of a listing of bare names.
func Lines(out string) (names []string) {
	for line := range strings.Lines(out) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			names = append(names, line)
		}
	}
	return names
}
