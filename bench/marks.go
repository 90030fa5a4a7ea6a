package main

// A mark is a goal of Sallyport in a workload.
type mark struct {
	// workload names the workload, or several by a pattern of path.Match.
	workload string
	metric   metric
	than     reference
	factor   float64 // of the reference; for absolute, the bound itself
}

// A reference is what a mark compares the metric with.
type reference int

const (
	bestPeer  reference = iota // no more than factor times the best of the other servers
	theLimit                   // no more than factor times the limit, which is what any Go program costs
	everyPeer                  // more than factor times any other server
	absolute                   // no more than factor
	allAsked                   // as many as asked, in every run
	never                      // zero in every run
	single                     // no more than factor times Sallyport's in one process
	forking                    // no more than factor times vsftpd's, which has a process for each session
)

// marks are the marks of this project. A ratio compares numbers of a single
// run of this program: numbers of different machines or days can't be
// compared.
var marks = []mark{
	{"tls-down-1", cpu, bestPeer, 0.80},
	{"tls-down-1", cpu, theLimit, 1.20},
	{"tls-down-8", cpu, bestPeer, 0.85},
	{"tls-up-1", cpu, bestPeer, 0.95},
	{"tls-small-1", cpu, bestPeer, 0.70},
	{"tls-small-1", rate, everyPeer, 1},
	{"tls-small-8", cpu, bestPeer, 0.70},
	{"tls-small-8", rate, everyPeer, 1},
	{"login", cpu, bestPeer, 0.85},
	{"idle", each, absolute, 16 << 10},
	{"list-100k", cpu, bestPeer, 1},
	{"mlsd-100k", cpu, bestPeer, 1},
	{"nlst-100k", cpu, bestPeer, 1},
	{"*-100k", peak, absolute, 2 << 20},
	{"*-1m", peak, absolute, 2 << 20},
	{"clear-down-1", cpu, bestPeer, 1.1},
	{"pressure-11", done, allAsked, 0},
	{"pressure-1", done, allAsked, 0},
	{"squatters-*", done, allAsked, 0},
	{"thief-*", done, allAsked, 0},
	{"thief-*", stolen, never, 0},
	{"stalled-*", peak, absolute, 100 << 20},
	{"stalled-*", slower, absolute, 2},
	{"tls-small-1", cpu, single, 1.1},
	{"tls-small-up-1", cpu, single, 1.2},
	{"tls-down-1", cpu, single, 1.02},
	{"list-100k", cpu, single, 1.25},
	{"login", cpu, forking, 0.3},
	{"first-login", cpu, forking, 1},
	{"users", each, forking, 0.3},
}

// A verdict says whether a mark is met.
type verdict struct {
	mark     mark
	workload string // the workload that was run, or else the mark's pattern
	state    state
	because  string // the numbers, or why there are none
}

// A state is the state of a mark. There are three: a mark whose workload was
// not run is neither met nor missed.
type state string

const (
	met    state = "met"
	short  state = "missed"
	notRun state = "not run"
)

// subject returns the contender that has the mark. What a split server costs is
// compared with one process, and with a server of many.
func (m mark) subject() string {
	if m.than == single || m.than == forking {
		return split
	}
	return ours
}
