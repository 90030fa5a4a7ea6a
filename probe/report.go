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
	OK   Severity = "ok"   // it works as it should
	Info Severity = "info" // it is worth knowing
	Warn Severity = "warn" // some clients fail, or the server is less safe than it should be
	Fail Severity = "fail" // most clients fail, or the server is not safe
)

// Party is somebody who can apply a cure.
type Party string

// The parties. If two may be at fault, a finding names the one to ask first.
const (
	ClientFirewall Party = "client's firewall"
	ServerFirewall Party = "server's firewall"
	ServerConfig   Party = "server's configuration"
	ClientConfig   Party = "client's configuration"
)

// Finding is something that works, or something that is wrong together with the cure.
type Finding struct {
	// ID names the kind of finding. The meaning of an ID never changes.
	ID ID `json:"id"`
	// Severity is the same for all findings of an ID.
	Severity Severity `json:"severity"`
	// Port is the control port that the finding is about, 0 if it is about none.
	Port uint16 `json:"port,omitempty"`
	// Seen is what was observed, without control characters.
	Seen string `json:"seen"`
	// Means is what follows from Seen, and for which clients.
	Means string `json:"means"`
	// Cure is what to do, empty if there is nothing to do.
	Cure string `json:"cure,omitempty"`
	// For is who can apply the cure.
	For Party `json:"for,omitempty"`
}

// Fact is something that was measured.
type Fact struct {
	// Port is the control port that the fact is about, 0 if it is about none.
	Port uint16 `json:"port,omitempty"`
	// Name is one of a fixed set of names, such as "greeting" or "tls versions".
	Name string `json:"name"`
	// Value is what was measured, without control characters.
	Value string `json:"value"`
}

// Report is what a run of a [Probe] has found out. It is plain data, fit for encoding/json, where the names of its
// fields never change.
type Report struct {
	// Host is [Probe.Host].
	Host string `json:"host"`
	// Started is when the run began, in UTC.
	Started time.Time `json:"started"`
	// Addresses are the addresses of Host.
	Addresses []netip.Addr `json:"addresses"`
	// Facts are in the order in which they were measured.
	Facts []Fact `json:"facts"`
	// Findings are sorted by severity from fail to ok, and within a severity are in the order in which they were
	// made.
	Findings []Finding `json:"findings"`
	// Request is what to ask the firewall teams for.
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

// Fact returns the value of the first fact of a name, empty if there is none.
func (r *Report) Fact(name string) string {
	for _, f := range r.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// find makes a finding, once for each ID and port. It makes none after the time is up or the last allowed connection
// was made, except for Interrupted: what is seen then may be due to the probe itself.
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

// fact notes a measurement, unless the same was noted before.
func (r *run) fact(port uint16, name, format string, args ...any) {
	f := Fact{port, name, clean(fmt.Sprintf(format, args...))}
	if !slices.Contains(r.report.Facts, f) {
		r.report.Facts = append(r.report.Facts, f)
	}
}

// maxText bounds a text in the report, in bytes.
const maxText = 400

// clean makes a text that a server wrote fit for one line of a terminal.
func clean(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(c rune) bool { return c == '\r' || c == '\n' }), " / ")
	if s = wire.Printable(s); len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return s
}

var rank = []Severity{Fail, Warn, Info, OK}

func (r *run) finish() *Report {
	r.report.Addresses = append([]netip.Addr{}, r.addrs...) // JSON gets a list even if it is empty
	r.report.Facts = append([]Fact{}, r.report.Facts...)
	r.report.Findings = append([]Finding{}, r.report.Findings...)
	slices.SortStableFunc(r.report.Findings, func(a, b Finding) int {
		return slices.Index(rank, a.Severity) - slices.Index(rank, b.Severity)
	})
	r.report.OK = !slices.ContainsFunc(r.report.Findings, func(f Finding) bool { return f.Severity == Fail })
	r.request()
	return r.report
}

// said returns a reply in the form in which findings quote it.
func said(reply wire.Reply) string {
	return fmt.Sprintf("%d %s", reply.Code, strings.Join(reply.Lines, " / "))
}
