package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// closing bounds how long a session may take to be closed. After closing this program ends
// without waiting any longer.
const closing = 10 * time.Second

// init locks main to the thread that the program begins in, since PAM has to be called from
// one thread only.
func init() { runtime.LockOSThread() }

func main() {
	// Ignores signals that a terminal sends: the server handles them and ends this program
	// by closing its standard input.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	if len(os.Args) > 1 {
		fmt.Fprintln(os.Stderr, "sallyport-pam: sallyport serve starts this program itself, when the option pam is given")
		os.Exit(2)
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "sallyport-pam:", err)
		os.Exit(1)
	}
}

// serve reads one question from standard input and writes the answer to standard output.
func serve() error {
	var q question
	if err := receive(os.Stdin, &q); err != nil {
		return err
	}
	if q.Version != version {
		return fmt.Errorf("a question of version %d, and this is version %d: install both programs anew", q.Version, version)
	}
	switch q.Do {
	case doCheck:
		return send(os.Stdout, check())
	case doLogin:
		return send(os.Stdout, login(&q))
	case doSession:
		a, end := session(&q)
		if err := send(os.Stdout, a); err != nil || a.Verdict != accepted {
			end()
			return err
		}
		os.Stdin.Read(make([]byte, 1)) // returns when the server closes standard input, or ends
		time.AfterFunc(closing, func() { os.Exit(1) })
		return send(os.Stdout, end())
	}
	return fmt.Errorf("%q is not known", q.Do)
}
