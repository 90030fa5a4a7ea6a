package sandbox

import "fmt"

// Rules are what a process is left with. The zero value is nothing of all that can be taken away, but for calls that
// are harmless.
type Rules struct {
	Kernel // what is used of it

	Minimal bool     // no calls but those of a program that computes, and speaks over sockets that are there
	Tree    string   // a directory in which everything may be done; empty for none
	Read    []string // files and directories that may be read, if they are there
	Opens   bool     // files of Tree and Read may be opened after Seal
	Connect bool     // may connect to addresses of IP
	Bind    bool     // may choose the port that it connects from
}

// Kernel is what a kernel can do for a sandbox.
type Kernel struct {
	Landlock int  `json:"landlock"` // the version of its rules (ABI); 0 for none
	Seccomp  bool `json:"seccomp"`
}

// leastLandlock is the version from which on files can be moved between directories under rules.
const leastLandlock = 2

// newerLandlock is what versions of Landlock have added.
var newerLandlock = []struct {
	version int
	what    string
}{
	{3, "shortening of files (Linux 6.2)"},
	{4, "ports of TCP (6.7)"},
	{5, "devices (6.10)"},
	{6, "signals and abstract sockets (6.12)"},
}

// Lacks tells what the kernel lacks, with the cure, and nothing if a sandbox is worth its name.
func (k Kernel) Lacks() (all []string) {
	if k.Landlock < leastLandlock {
		all = append(all, "Landlock (Linux 5.19 or newer, with landlock in the list lsm= of the kernel's command line or in CONFIG_LSM)")
	}
	if !k.Seccomp {
		all = append(all, "seccomp filters (CONFIG_SECCOMP_FILTER, on amd64 or arm64)")
	}
	return all
}

// Older tells what a newer kernel could refuse once more. Seccomp refuses the calls for it where there is seccomp.
func (k Kernel) Older() (all []string) {
	for _, n := range newerLandlock {
		if k.Landlock >= leastLandlock && k.Landlock < n.version {
			all = append(all, n.what)
		}
	}
	return all
}

// String tells what there is, in a few words.
func (k Kernel) String() string {
	landlock, seccomp := "no Landlock", "no seccomp"
	if k.Landlock >= leastLandlock {
		landlock = fmt.Sprint("Landlock ", k.Landlock)
	}
	if k.Seccomp {
		seccomp = "seccomp"
	}
	return landlock + ", " + seccomp
}
