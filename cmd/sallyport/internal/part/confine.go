//go:build linux

package part

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
)

// confined is the environment variable that holds the sandbox of a part: a confinement as JSON.
const confined = "SALLYPORT_PART_SANDBOX"

// confinement is the value of the variable.
type confinement struct {
	sandbox.Rules
	Entered    bool // Landlock restricts this process already
	Processors int  // how many Go uses: what tells (cgroups) can't be read after Enter
}

// confine has this process give up all that its rules don't grant. With Landlock it executes this program once more,
// with the same arguments and descriptors, which calls confine again. processors is how many processors Go used
// before, 0 without Landlock.
func confine(prepare func()) (processors int, err error) {
	text, ok := os.LookupEnv(confined)
	if !ok {
		return 0, nil
	}
	os.Unsetenv(confined)
	var c confinement
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return 0, err
	}
	if c.Landlock > 0 && !c.Entered {
		c.Entered, c.Processors = true, runtime.GOMAXPROCS(0)
		text, err := json.Marshal(c)
		if err != nil {
			return 0, err
		}
		// Asks for the signal at the keeper's end again. Another thread has asked for it, and only the thread that
		// executes a program survives.
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
			return 0, os.NewSyscallError("prctl", err)
		}
		return 0, failed(c.Enter(append(os.Environ(), confined+"="+string(text))))
	}
	if c.Processors > 0 && c.Processors != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(c.Processors)
	}
	_ = time.Now().String() // reads the time zone
	prepare()
	return c.Processors, failed(c.Seal())
}

// failed adds the cure to an error.
func failed(err error) error {
	if err != nil {
		return fmt.Errorf("this process can't be confined: %w; the option sandbox = \"off\" does without", err)
	}
	return nil
}
