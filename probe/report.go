package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/wire"
)

// Severity says how bad a finding is.
type Severity string

// The severities, from good to bad.
const (
	OK   Severity = "ok"   // works as it should
	Info Severity = "info" // worth knowing
	Warn Severity = "warn" // some clients fail, or the server is less safe than it should be
	Fail Severity = "fail" // most clients fail, or the server is not safe
)

// Party is who can apply a cure.
type Party string

// The parties. Where two could be at fault, the one named is the one to ask first.
const (
	ClientFirewall Party = "client's firewall"
	ServerFirewall Party = "server's firewall"
	ServerConfig   Party = "server's configuration"
	ClientConfig   Party = "client's configuration"
)

// Finding is one thing that works, or one that is wrong together with the cure.
type Finding struct {
	// ID names it and never changes its meaning.
	ID ID `json:"id"`
	// Severity is the same for all findings of an ID.
	Severity Severity `json:"severity"`
	// Port is the control port it was seen on, 0 if it is not about one.
	Port uint16 `json:"port,omitempty"`
	// Seen is what was observed, without control characters.
	Seen string `json:"seen"`
	// Means is what follows from it, and for which clients.
	Means string `json:"means"`
	// Cure is what to do. It is empty when there is nothing to do.
	Cure string `json:"cure,omitempty"`
	// For is who can do it.
	For Party `json:"for,omitempty"`
}

// Fact is something measured.
type Fact struct {
	// Port is the control port, 0 if it is not about one.
	Port uint16 `json:"port,omitempty"`
	// Name is one of a fixed set, such as "greeting" or "tls versions".
	Name string `json:"name"`
	// Value is free of control characters.
	Value string `json:"value"`
}

// Report is what a run of a [Probe] found out. It is plain data, fit for encoding/json; the names of its fields there
// are stable.
type Report struct {
	// Host is the probe's.
	Host string `json:"host"`
	// Started is when the run began, in UTC.
	Started time.Time `json:"started"`
	// Addresses are those of Host.
	Addresses []netip.Addr `json:"addresses"`
	// Facts are in the order they were measured in.
	Facts []Fact `json:"facts"`
	// Findings are ordered from fail to ok, and among the same severity as they were made.
	Findings []Finding `json:"findings"`
	// Request is what to ask of the firewalls.
	Request Request `json:"request"`
	// OK says that no finding is a fail.
	OK bool `json:"ok"`
}

// Find returns the first finding of an ID, and whether there is one.
func (r *Report) Find(id ID) (Finding, bool) {
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		return Finding{}, false
	}
	return r.Findings[i], true
}

// Fact returns the first value of a name, empty if there is none.
func (r *Report) Fact(name string) string {
	for _, f := range r.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// find makes a finding, once for each ID and port. What is seen after time is up, or after the
// last connection that the probe may make, is the probe's own doing.
func (r *run) find(port uint16, id ID, format string, args ...any) {
	if (r.ctx.Err() != nil || r.conns.ended()) && id != Interrupted {
		return
	}
	f := id.entry()
	f.Port, f.Seen = port, clean(fmt.Sprintf(format, args...))
	for _, have := range r.report.Findings {
		if have.ID == id && have.Port == port {
			return
		}
	}
	r.report.Findings = append(r.report.Findings, f)
}

// fact notes a measurement; a second session that measures the same adds nothing.
func (r *run) fact(port uint16, name, format string, args ...any) {
	f := Fact{port, name, clean(fmt.Sprintf(format, args...))}
	if !slices.Contains(r.report.Facts, f) {
		r.report.Facts = append(r.report.Facts, f)
	}
}

// maxText bounds one text that a server wrote.
const maxText = 400

// clean makes a server's text fit for a terminal, on one line.
func clean(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\r' || c == '\n' }), " / ")
	if s = wire.Printable(s); len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return s
}

var rank = []Severity{Fail, Warn, Info, OK}

func (r *run) finish() *Report {
	r.report.Addresses = append([]netip.Addr{}, r.addrs...) // in JSON a list, even if it is empty
	r.report.Facts = append([]Fact{}, r.report.Facts...)
	r.report.Findings = append([]Finding{}, r.report.Findings...)
	slices.SortStableFunc(r.report.Findings, func(a, b Finding) int {
		return slices.Index(rank, a.Severity) - slices.Index(rank, b.Severity)
	})
	r.report.OK = !slices.ContainsFunc(r.report.Findings, func(f Finding) bool { return f.Severity == Fail })
	r.request()
	return r.report
}

// said returns a reply as it is quoted in a finding.
func said(reply wire.Reply) string {
	return fmt.Sprintf("%d %s", reply.Code, strings.Join(reply.Lines, " / "))
}
