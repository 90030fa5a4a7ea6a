package main

import (
	"cmp"
	"net"
	"os"
	"slices"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// status is what the control socket says of the server as a whole.
type status struct {
	Version       string            `json:"version"`
	PID           int               `json:"pid"`
	State         string            `json:"state"` // serving or draining
	Started       time.Time         `json:"started"`
	Uptime        float64           `json:"uptime"` // seconds
	Listeners     []listening       `json:"listeners"`
	DataPorts     string            `json:"dataPorts"`
	Sessions      int               `json:"sessions"`
	Busy          int               `json:"busy"` // sessions that carry out a command
	Configuration reloaded          `json:"configuration"`
	Certificate   certificateReport `json:"certificate"`
	Processes     []systemProcess   `json:"processes,omitempty"` // of a server that is split
	Upgrade       string            `json:"upgrade,omitempty"`   // why the last upgrade came to nothing
	Silent        []int             `json:"silent,omitempty"`    // engines that have not answered, by process, and are not counted
}

// systemProcess is one of the processes of a server.
type systemProcess struct {
	Part    string   `json:"part"` // keeper, signer, clerk, engine or hand
	PID     int      `json:"pid"`
	UID     int      `json:"uid"`
	Dir     string   `json:"dir,omitempty"`      // the home that a hand serves
	Folders []string `json:"folders,omitempty"`  // the other directories that a hand serves
	Bucket  string   `json:"bucket,omitempty"`   // that a hand serves in place of directories
	Users   int      `json:"sessions,omitempty"` // that a hand or an engine serves

	Retired *time.Time `json:"retired,omitempty"` // of an engine: since when another serves who connects

	Sandbox *sandbox.Kernel `json:"sandbox,omitempty"` // what confines it; nil for nothing
}

// report is what the keeper of a split server says of the server.
type report struct {
	Started       time.Time
	Configuration reloaded
	Processes     []systemProcess // the keeper comes first, and of engines the newest
	Upgrade       string          // why the last upgrade came to nothing
}

// listening is a listener for control connections.
type listening struct {
	Kind    string `json:"kind"` // explicit or implicit
	Address string `json:"address"`
}

// certificateReport describes the certificate that new connections are shown.
type certificateReport struct {
	File        string    `json:"file,omitempty"` // empty for one made for this run
	Expires     time.Time `json:"expires"`
	Fingerprint string    `json:"sha256"`
}

// reloaded describes the last reading of the configuration.
type reloaded struct {
	At       time.Time `json:"at"`
	Files    []string  `json:"files"` // the files in force
	Users    int       `json:"users"`
	Mistakes []string  `json:"mistakes"` // for which all stays as it was before
	Waiting  []string  `json:"waiting"`  // changed options that take effect at the next start
}

func (d *daemon) status(now time.Time) status {
	s := status{
		Version: version(), PID: os.Getpid(), State: "serving", Started: d.startedAt, Uptime: now.Sub(d.startedAt).Round(time.Millisecond).Seconds(),
		DataPorts: d.ports.String(),
	}
	if d.draining.Load() {
		s.State = "draining"
	}
	s.listener("explicit", d.explicit)
	s.listener("implicit", d.implicit)
	s.Sessions, s.Busy = d.counts()
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Configuration = d.last
	if d.about != nil {
		all := d.about()
		s.PID, s.Started, s.Configuration, s.Processes = all.Processes[0].PID, all.Started, all.Configuration, all.Processes
		s.Upgrade = all.Upgrade
		s.Uptime = now.Sub(s.Started).Round(time.Millisecond).Seconds()
	}
	s.Certificate = certificateReport{File: d.settings.cert, Fingerprint: tls.Fingerprint(d.cert.config)}
	if leaf := d.cert.leaf(); leaf != nil {
		s.Certificate.Expires = leaf.NotAfter
	}
	return s
}

func (s *status) listener(kind string, ln net.Listener) {
	if ln != nil {
		s.Listeners = append(s.Listeners, listening{kind, ln.Addr().String()})
	}
}

// counts returns how many sessions there are, and how many of them run a
// command.
func (d *daemon) counts() (all, busy int) {
	for _, s := range d.srv.Sessions() {
		all++
		if s.Doing != "" {
			busy++
		}
	}
	return all, busy
}

// session is what the control socket says of a session.
type session struct {
	ID          string     `json:"id"`
	Peer        string     `json:"peer"`
	Local       string     `json:"local"`
	User        string     `json:"user"`   // empty before the login
	Client      string     `json:"client"` // as the client's program names itself
	Started     time.Time  `json:"started"`
	LoggedIn    *time.Time `json:"loggedIn"`  // null before the login
	IdleSince   *time.Time `json:"idleSince"` // null during a command
	Dir         string     `json:"dir"`
	Doing       string     `json:"doing"`       // the command that runs
	Transferred int64      `json:"transferred"` // bytes of the transfer under way
	Received    int64      `json:"received"`    // bytes of transfers that have ended
	Sent        int64      `json:"sent"`
	TLS         string     `json:"tls"`              // version, empty in clear
	Engine      int        `json:"engine,omitempty"` // the process of a split server that has the session
}

// sessionList is the list of sessions, the oldest first.
type sessionList struct {
	Sessions []session `json:"sessions"`
	Silent   []int     `json:"silent,omitempty"` // engines that have not answered, by process
}

// sessions lists the sessions of this process.
func (d *daemon) sessions() sessionList {
	all := d.srv.Sessions()
	slices.SortFunc(all, func(a, b server.SessionInfo) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID))
	})
	list := sessionList{Sessions: []session{}}
	for _, i := range all {
		s := session{
			ID: i.ID, Peer: i.Peer.String(), Local: i.Local.String(), User: i.User, Client: i.Client, Started: i.Started,
			LoggedIn: moment(i.LoggedIn), IdleSince: moment(i.IdleSince), Dir: i.Dir, Doing: i.Doing,
			Transferred: i.Transferred, Received: i.Received, Sent: i.Sent, Engine: d.engine,
		}
		if i.Secure && i.TLS != nil {
			s.TLS = tls.VersionName(i.TLS.Version)
		}
		list.Sessions = append(list.Sessions, s)
	}
	return list
}

// moment returns a pointer to t, nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// portReport is what the control socket says of the data ports.
type portReport struct {
	Set        string `json:"set"`
	Ports      int    `json:"ports"`     // in the set, 0 when the system chooses
	Listeners  int    `json:"listeners"` // open now
	Leases     int    `json:"leases"`    // reserved, without a connection yet
	Untaken    int    `json:"untaken"`   // connections that no transfer has taken yet
	Waiting    int    `json:"waiting"`   // clients in the queue
	Unproven   int    `json:"unproven"`  // connections whose owner is not known yet
	Leased     uint64 `json:"leased"`    // since the start, like all counts below
	Accepted   uint64 `json:"accepted"`
	Expired    uint64 `json:"expired"`
	Busy       uint64 `json:"busy"` // clients that waited in vain
	Strangers  uint64 `json:"strangers"`
	Unopenable uint64 `json:"unopenable"`
}

func (d *daemon) portReport() portReport {
	s := d.ports.Stats()
	return portReport{
		d.ports.String(), d.ports.Len(), s.Listeners, s.Leases, s.Untaken, s.Waiting, s.Unproven,
		s.Leased, s.Accepted, s.Expired, s.Busy, s.Strangers, s.Unopenable,
	}
}
