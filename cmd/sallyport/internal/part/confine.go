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

// confined is the variable that tells a part what it is left with.
const confined = "SALLYPORT_PART_SANDBOX"

// confinement is what the variable says.
type confinement struct {
	sandbox.Rules
	Entered    bool // Landlock restricts this process already
	Processors int  // that Go uses: what says so (cgroups) can't be read after Enter
}

// confine has this process give up what its rules don't leave. With Landlock this program is executed once more, with
// the same arguments and descriptors, and comes back here. processors is how many Go used before that, 0 without
// Landlock.
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
		// Another thread has asked for the signal at the end of the keeper, and only the one that executes a program
		// lives on in it.
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

// failed adds to an error what may be done about it.
func failed(err error) error {
	if err != nil {
		return fmt.Errorf("this process can't be confined: %w; the option sandbox = \"off\" does without", err)
	}
	return nil
}
