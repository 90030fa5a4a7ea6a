// Command bench runs Sallyport beside vsftpd, ProFTPD, Pure-FTPd and pyftpdlib,
// with the same certificate, data ports and files, and prints what each of them
// costs:
//
//	go run ./bench                  # everything, some 40 minutes
//	go run ./bench -run '^tls-'     # the workloads that a pattern names; -list shows them
//	go run ./bench -check           # fails if a mark is missed
//	go run ./bench -run '^(users|first-login)$'   # many users: Sallyport in processes beside vsftpd
//	go run ./bench -growth          # what grows with sessions and entries, and what does not
//	go run ./bench -soak 20m        # whether what the server holds returns to its start
//
// The other servers come from Debian's packages and are unpacked, not installed.
// bench needs Linux and root, listens on loopback only, and ends by itself.
package main

import (
	"context"
	"time"
)

// A contender is an FTPS server that is measured.
type contender struct {
	// name is the server's name as people write it.
	name string

	// start runs the server and returns when it answers on its control port.
	// It ends with instance.stop, or with ctx.
	start func(ctx context.Context, s *setup) (*instance, error)
}

// setup is what all contenders get alike.
type setup struct {
	// scratch is an empty directory for the configuration and logs of this instance. root is the
	// directory that is served: the user sees it as "/". Both are in memory (tmpfs).
	scratch, root string

	// cert and key are PEM files: ECDSA P-256, for localhost and 127.0.0.1.
	cert, key string

	// ports is the set of data ports, such as "21000-21010".
	ports string

	// user and password can log in, also in clear, and may read and write root.
	user, password string

	// thief and thiefPassword can log in, too: another user with the same directory. The thief's
	// sessions may get no data connection of user's sessions.
	thief, thiefPassword string

	// daemons is the directory with the unpacked packages of the peers.
	daemons string
}

// An instance is a running server.
type instance struct {
	contender string

	// addr is host:port on loopback of explicit FTPS. Logins and data in clear are allowed, too.
	addr string

	// pid is the top process of the server; all its other processes descend from it.
	pid int

	// stop ends all processes of the server and returns when they are gone.
	stop func() error
}

// cpuTime returns the processor time (user and system) that the server and all
// child processes have used since the start of the server, ended children
// included.
func (in *instance) cpuTime() (time.Duration, error) { return treeCPU(in.pid) }

// pss returns the memory of all processes now, in bytes, with shared pages counted in parts
// (proportional set size).
func (in *instance) pss() (int64, error) { return treePSS(in.pid) }

// A workload is one thing that is measured on one instance.
type workload struct {
	// name selects it on the command line and in JSON, such as "tls-down-1".
	name string

	// title says for readers what is done. unit is what the metric cpu counts by: "GiB", "file",
	// "login", "listing" or "session".
	title, unit string

	// prepare makes the files that the workload needs, before the server starts; nil makes none.
	// Files stay from one workload to the next, so prepare must be quick if all are there.
	prepare func(root string) error

	// ports is the set of data ports, "" for the usual "21000-21010".
	ports string

	// only names the contenders that the workload is run on; nil stands for all but the limit and
	// split.
	only []string

	// split says that the workload is run on split, too.
	split bool

	// run runs the workload once, after a warm-up of its own.
	run func(ctx context.Context, l *load) (sample, error)
}

// load is what a workload gets to run with.
type load struct {
	*instance
	*setup

	// quick asks for a hundredth of the work, to try whether everything works.
	quick bool
}

// A sample is what one run of a workload has measured, by metric. Metrics that make no sense for the
// workload are absent.
type sample map[metric]float64

type metric string

// The metrics. Lower is better unless it says otherwise.
const (
	cpu      metric = "cpu"      // server CPU seconds per unit
	rate     metric = "rate"     // units per second of wall clock; higher is better
	peak     metric = "peak"     // bytes: the most memory (PSS) seen during the run, beyond that before the run
	each     metric = "each"     // bytes of memory (PSS) per session
	done     metric = "done"     // transfers that were complete and correct; higher is better
	asked    metric = "asked"    // transfers that were tried
	waited   metric = "waited"   // seconds: median wait for a transfer
	waitMost metric = "waitmost" // seconds: the longest wait
	slower   metric = "slower"   // how many times longer something takes while others are in its way
	resumed  metric = "resumed"  // share of the data connections with TLS that resumed a session, 0 to 1; higher is better
	stolen   metric = "stolen"   // transfers of which somebody else got a byte
)
