package sandbox

import "fmt"

// Rules say what a process keeps. The zero value keeps only harmless calls.
type Rules struct {
	Kernel // the means of the kernel to use

	Minimal bool     // only calls of a program that computes and speaks over sockets that it has
	Trees   []string // directories in which files may be read and changed
	Lists   []string // directories in which, and below which, directories may be listed
	Read    []string // files and directories that may be read, if they are there
	Opens   bool     // files of Trees and Read may be opened after Seal
	Connect bool     // may connect to IP addresses
	Ports   []uint16 // with Connect: by TCP only, and to these ports if the kernel can tell; empty for all, and UDP
	Bind    bool     // may choose the local port of a connection
}

// NarrowTo has the process connect to one port only. It does nothing without rules.
func (r *Rules) NarrowTo(port uint16) {
	if r != nil {
		r.Ports = []uint16{port}
	}
}

// Kernel says by which means a kernel can confine processes.
type Kernel struct {
	Landlock int  `json:"landlock"` // the version of its rules (ABI); 0 for none
	Seccomp  bool `json:"seccomp"`
}

// leastLandlock is the first version whose rules let files be moved between directories.
const leastLandlock = 2

// newerLandlock lists what later versions of Landlock have added.
var newerLandlock = []struct {
	version int
	what    string
}{
	{3, "shortening of files (Linux 6.2)"},
	{4, "ports of TCP (6.7)"},
	{5, "devices (6.10)"},
	{6, "signals and abstract sockets (6.12)"},
}

// Lacks returns what the kernel lacks for a useful sandbox, with the cures; nothing if it lacks nothing.
func (k Kernel) Lacks() (all []string) {
	if k.Landlock < leastLandlock {
		all = append(all, "Landlock (Linux 5.19 or newer, with landlock in the list lsm= of the kernel's command line or in CONFIG_LSM)")
	}
	if !k.Seccomp {
		all = append(all, "seccomp filters (CONFIG_SECCOMP_FILTER, on amd64 or arm64)")
	}
	return all
}

// Older returns what Landlock of a newer kernel could refuse as well. Seccomp, if there is any, refuses the calls
// for it.
func (k Kernel) Older() (all []string) {
	for _, n := range newerLandlock {
		if k.Landlock >= leastLandlock && k.Landlock < n.version {
			all = append(all, n.what)
		}
	}
	return all
}

// tellsPorts reports whether the kernel can refuse connections by their port.
func (k Kernel) tellsPorts() bool { return k.Landlock >= 4 }

// String returns in a few words what the kernel has.
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
