package main

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/sallyport/sallyport/server"
)

// engineRequest is what an engine that answers on the control socket asks each other engine of the server, such as
// those left from before an upgrade. Each request also asks for counts.
type engineRequest struct {
	Sessions bool          // list the sessions
	Kick     *kickRequest  // end sessions
	Ban      *netip.Prefix // end the sessions that a ban of the network covers
	Waiting  bool          // with Ban: only those that are not logged in
	Occupied bool          // tell how much of the limits the sessions take
	Refused  *time.Time    // tell which logins were refused since then
	Failures []failures    // count these if the engine is the newest
}

// ends reports whether the request ends sessions, which may take kickGrace.
func (q *engineRequest) ends() bool { return q.Kick != nil || q.Ban != nil }

// engineAnswer is the answer of one engine.
type engineAnswer struct {
	Engine    int              // the process
	All, Busy int              // how many sessions there are, and how many of them run a command
	Sessions  []session        // what Sessions of the request asks for
	Ended     int              // how many sessions were told to end
	Gone      bool             // all of these have ended
	Silent    bool             // the engine has not answered; all else is zero
	Occupancy server.Occupancy // what Occupied of the request asks for
	Refusals  server.Refusals  // what Refused of the request asks for
}

// others asks the other engines; nil if there is none.
func (d *daemon) others(ctx context.Context, q engineRequest) []engineAnswer {
	if d.elsewhere == nil {
		return nil
	}
	return d.elsewhere(ctx, q)
}

// silent returns the processes of the engines that have not answered.
func silent(all []engineAnswer) (pids []int) {
	for _, a := range all {
		if a.Silent {
			pids = append(pids, a.Engine)
		}
	}
	return pids
}

// carryOut answers the request of another engine.
func (d *daemon) carryOut(ctx context.Context, q engineRequest) (a engineAnswer) {
	ctx, cancel := context.WithTimeout(ctx, kickGrace)
	defer cancel()
	a.Gone = true
	if q.Sessions {
		a.Sessions = d.sessions().Sessions
	}
	if q.Occupied {
		a.Occupancy = d.srv.Occupancy()
	}
	if q.Refused != nil {
		a.Refusals = d.srv.Refusals(*q.Refused)
	}
	if !d.retired.Load() {
		for _, f := range q.Failures {
			d.bans.failedElsewhere(f)
		}
	}
	if match, words := d.matching(q); match != nil {
		n, err := d.srv.DisconnectFunc(ctx, match, words)
		a.Ended, a.Gone = n, err == nil
	}
	a.All, a.Busy = d.counts()
	return a
}

// matching returns which sessions a request ends, and what their clients are told; nil if the request ends none.
func (d *daemon) matching(q engineRequest) (match func(server.SessionInfo) bool, words string) {
	switch {
	case q.Kick != nil:
		return q.Kick.match, q.Kick.Reason
	case q.Ban != nil:
		return func(s server.SessionInfo) bool {
			return d.bans.covers(*q.Ban, s.Peer.Addr()) && !(q.Waiting && !s.LoggedIn.IsZero())
		}, bannedWords
	}
	return nil, ""
}

// disconnect ends sessions of all engines as a request says, and waits for at most kickGrace until they are gone.
func (d *daemon) disconnect(ctx context.Context, q engineRequest) (k kicked) {
	elsewhere := make(chan []engineAnswer, 1)
	go func() { elsewhere <- d.others(ctx, q) }()
	here := d.carryOut(ctx, q)
	all := append(<-elsewhere, here)
	k.Gone, k.Silent = true, silent(all)
	for _, a := range all {
		k.Sessions += a.Ended
		k.Gone = k.Gone && (a.Gone || a.Silent)
	}
	return k
}

// allSessions lists the sessions of all engines.
func (d *daemon) allSessions(ctx context.Context) sessionList {
	list := d.sessions()
	others := d.others(ctx, engineRequest{Sessions: true})
	for _, a := range others {
		list.Sessions = append(list.Sessions, a.Sessions...)
	}
	list.Silent = silent(others)
	slices.SortFunc(list.Sessions, func(a, b session) int { return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID)) })
	return list
}

// wholeStatus describes the server with all its engines.
func (d *daemon) wholeStatus(ctx context.Context) status {
	others := d.others(ctx, engineRequest{})
	s := d.status(time.Now())
	for _, a := range append(others, engineAnswer{Engine: d.engine, All: s.Sessions}) {
		i := slices.IndexFunc(s.Processes, func(p systemProcess) bool { return p.PID == a.Engine && p.Part == "engine" })
		if i >= 0 {
			s.Processes[i].Users = a.All
		}
	}
	for _, a := range others {
		s.Sessions, s.Busy = s.Sessions+a.All, s.Busy+a.Busy
	}
	s.Silent = silent(others)
	return s
}
