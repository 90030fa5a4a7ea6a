// Command bench runs Sallyport beside vsftpd, ProFTPD, Pure-FTPd and pyftpdlib,
// with the same certificate, data ports and files, and prints what each of them
// costs:
//
//	go run ./bench                  # everything, some 40 minutes
//	go run ./bench -run '^tls-'     # the workloads that a pattern names; -list shows them
//	go run ./bench -check           # fails if a mark is missed
//	go run ./bench -run '^(users|first-login)$'   # many users: Sallyport in processes beside vsftpd
//	go run ./bench -growth          # what grows with sessions and entries, and what does not
//	go run ./bench -soak 20m        # whether all returns to its start
//
// The peers come from Debian's packages and are unpacked, not installed. It
// needs Linux and root, listens on loopback only, and stops by itself.
package main

import (
	"context"
	"time"
)

// A contender is one FTPS server under measure.
type contender struct {
	// name is the server's as people write it.
	name string

	// start runs the server and returns when it answers on its control port.
	// It ends with instance.stop, or with ctx.
	start func(ctx context.Context, s *setup) (*instance, error)
}

// setup is what is equal for all contenders.
type setup struct {
	// scratch is an empty directory of this instance's, for configuration
	// and logs, and root the directory that is served: what the user sees
	// as "/". Both are in memory (tmpfs).
	scratch, root string

	// cert and key are PEM files: ECDSA P-256, for localhost and 127.0.0.1.
	cert, key string

	// ports is the set of data ports, such as "21000-21010".
	ports string

	// user and password log in, in clear too, and may read and write root.
	user, password string

	// thief and thiefPassword log in as well: another user, of the same
	// directory, whose sessions have no claim to what is sent to user's.
	thief, thiefPassword string

	// daemons is where the packages of the peers were unpacked.
	daemons string
}

// An instance is a running server.
type instance struct {
	contender string

	// addr is where explicit FTPS is spoken, host:port on loopback. Logins
	// and data in clear are allowed as well.
	addr string

	// pid is of the process at the top; the server's others descend from it.
	pid int

	// stop ends all of them and returns when they are gone.
	stop func() error
}

// cpuTime returns the processor time (user and system) that the server and all
// child processes have used since the start of the server, ended children
// included.
func (in *instance) cpuTime() (time.Duration, error) { return treeCPU(in.pid) }

// pss returns the memory of all processes now, in bytes, shared pages counted in
// parts (proportional set size).
func (in *instance) pss() (int64, error) { return treePSS(in.pid) }

// A workload is one thing that is measured on one instance.
type workload struct {
	// name selects it on the command line and in JSON, such as "tls-down-1".
	name string

	// title says for readers what is done, and unit what the metric cpu is
	// per: "GiB", "file", "login", "listing" or "session".
	title, unit string

	// prepare puts the files in place that the workload needs, before the
	// server is started. Nil is nothing. The files stay from one workload to
	// the next, so prepare must be quick when all are there.
	prepare func(root string) error

	// ports is the set of data ports, "" for the usual "21000-21010".
	ports string

	// only are the contenders it is run on, nil for all but the limit and split. The
	// limit uses it.
	only []string

	// split is whether it is run on split besides.
	split bool

	// run does it once. Warming up is its own business.
	run func(ctx context.Context, l *load) (sample, error)
}

// load is what a workload has to work with.
type load struct {
	*instance
	*setup

	// quick asks for a hundredth of the work: a trial that everything works.
	quick bool
}

// A sample is what one run of a workload has found, by metric. A metric that
// makes no sense for a workload is absent.
type sample map[metric]float64

type metric string

// The metrics. Lower is better unless it says otherwise.
const (
	cpu      metric = "cpu"      // server CPU seconds per unit
	rate     metric = "rate"     // units per second of wall clock; higher is better
	peak     metric = "peak"     // bytes: the most memory (PSS) seen during the run, over what it was before
	each     metric = "each"     // bytes of memory (PSS) per session
	done     metric = "done"     // transfers that were whole and right; higher is better
	asked    metric = "asked"    // transfers that were tried
	waited   metric = "waited"   // seconds: median wait for a transfer
	waitMost metric = "waitmost" // seconds: the longest wait
	slower   metric = "slower"   // how many times longer what others are in the way of takes than without them
	resumed  metric = "resumed"  // share of the data connections with TLS that resumed a session, 0 to 1; higher is better
	stolen   metric = "stolen"   // transfers somebody else got a byte of
)
