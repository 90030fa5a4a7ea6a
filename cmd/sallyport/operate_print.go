package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// escaped returns a text, which clients may have made up, with backslashes and all that a terminal might obey
// escaped.
func escaped(s string) string {
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// table aligns the cells of the rows that write passes to row.
func table(w io.Writer, write func(row func(cells ...string))) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	write(func(cells ...string) {
		for i := range cells {
			cells[i] = escaped(cells[i])
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	})
	t.Flush()
}

func (s *status) print(w io.Writer, now time.Time) {
	table(w, func(row func(...string)) {
		row("state", s.State)
		row("version", s.Version)
		row("process", fmt.Sprintf("%d, up %s", s.PID, ago(time.Duration(s.Uptime*float64(time.Second)))))
		for _, l := range s.Listeners {
			row(l.Kind+" FTPS", l.Address)
		}
		row("data ports", s.DataPorts)
		row("sessions", fmt.Sprintf("%d, of which %d are busy", s.Sessions, s.Busy))
		row("configuration", fmt.Sprintf("%s, read %s ago; users in files: %d", cmp.Or(strings.Join(s.Configuration.Files, ", "), "none"), ago(now.Sub(s.Configuration.At)), s.Configuration.Users))
		for _, problem := range s.Configuration.Mistakes {
			row("WRONG", problem)
		}
		for _, name := range s.Configuration.Waiting {
			row("waits", name+" takes effect at the next start")
		}
		row("certificate", fmt.Sprintf("%s, ends %s (%s)", cmp.Or(s.Certificate.File, "made for this run"), s.Certificate.Expires.Format(time.RFC3339), left(s.Certificate.Expires.Sub(now))))
		row("SHA-256", s.Certificate.Fingerprint)
		if s.Upgrade != "" {
			row("UPGRADE", "came to nothing: "+s.Upgrade)
		}
		for _, p := range s.Processes {
			row(p.Part, strings.TrimRight(fmt.Sprintf("process %d of user %d %s", p.PID, p.UID, p.files()), " ")+p.confinedBy()+p.since(now))
		}
	})
	printSilent(w, s.Silent)
}

// files returns the directories or the bucket that a hand serves.
func (p *systemProcess) files() string {
	if p.Bucket != "" {
		return p.Bucket
	}
	all := p.Folders
	if p.Dir != "" {
		all = append([]string{p.Dir}, all...)
	}
	return strings.Join(all, ", ")
}

// since returns in words since when an engine accepts no connections; empty for the newest engine.
func (p *systemProcess) since(now time.Time) string {
	if p.Retired == nil {
		return ""
	}
	return fmt.Sprintf(", for sessions of before an upgrade %s ago: %d", ago(now.Sub(*p.Retired)), p.Users)
}

// confinedBy returns in words what confines a process.
func (p *systemProcess) confinedBy() string {
	switch {
	case p.Part == "keeper":
		return ""
	case p.Sandbox == nil:
		return " (not confined)"
	}
	return " (" + p.Sandbox.String() + ")"
}

func (l *sessionList) print(w io.Writer, now time.Time) {
	table(w, func(row func(...string)) {
		several := slices.ContainsFunc(l.Sessions, func(s session) bool { return s.Engine != l.Sessions[0].Engine })
		add := func(engine string, cells ...string) {
			if several {
				cells = append(cells, engine)
			}
			row(cells...)
		}
		add("ENGINE", "SESSION", "USER", "FROM", "TLS", "SINCE", "RECEIVED", "SENT", "DOING", "PROGRAM")
		for _, s := range l.Sessions {
			received, sent, doing := size(s.Received), size(s.Sent), s.Doing
			switch {
			case s.Doing == "" && s.IdleSince != nil:
				doing = "idle " + ago(now.Sub(*s.IdleSince))
			case s.Transferred > 0:
				doing = fmt.Sprintf("%s (%s)", s.Doing, size(s.Transferred))
			}
			add(strconv.Itoa(s.Engine), s.ID, cmp.Or(s.User, "-"), s.Peer, cmp.Or(s.TLS, "none"), ago(now.Sub(s.Started)), received, sent, doing, cmp.Or(s.Client, "-"))
		}
	})
	printSilent(w, l.Silent)
}

// printSilent tells which engines an answer lacks.
func printSilent(w io.Writer, engines []int) {
	for _, pid := range engines {
		fmt.Fprintf(w, "process %d, an engine with sessions of its own, does not answer; they are missing here\n", pid)
	}
}

func (p *portReport) print(w io.Writer) {
	n := func(v any) string { return fmt.Sprint(v) }
	table(w, func(row func(...string)) {
		row("data ports", p.Set)
		row("open", n(p.Listeners))
		row("reserved", n(p.Leases), "without a connection yet")
		row("untaken", n(p.Untaken), "connections that no transfer has taken yet")
		row("unproven", n(p.Unproven), "connections of which it is not known yet whose they are")
		row("waiting", n(p.Waiting), "clients in the queue for a port")
		row("leased", n(p.Leased), "since the start, as all that follows")
		row("accepted", n(p.Accepted), "connections")
		row("expired", n(p.Expired), "reservations to which no connection came: a firewall, often")
		row("busy", n(p.Busy), "clients that waited in vain: too few ports")
		row("strangers", n(p.Strangers), "connections refused, for nobody waited for them")
		row("unopenable", n(p.Unopenable), "ports that another program had, say")
	})
}

func (r *reloaded) print(w io.Writer) {
	if len(r.Mistakes) > 0 {
		fmt.Fprintln(w, "the configuration is wrong, and the old one stays:")
		for _, problem := range r.Mistakes {
			for line := range strings.SplitSeq(problem, "\n") {
				fmt.Fprintln(w, escaped(line))
			}
		}
		return
	}
	fmt.Fprintf(w, "the configuration was read again: %s; users in files: %d\n", escaped(strings.Join(r.Files, ", ")), r.Users)
	for _, name := range r.Waiting {
		fmt.Fprintf(w, "%s takes effect at the next start\n", escaped(name))
	}
}

func (k *kicked) print(w io.Writer) {
	fmt.Fprintf(w, "ended: %d\n", k.Sessions)
	if !k.Gone {
		fmt.Fprintln(w, "some are not gone yet, since storage holds them up; they end as soon as that answers")
	}
	printSilent(w, k.Silent)
}

func (d *drained) print(w io.Writer) {
	fmt.Fprintf(w, "shutting down: %d of %d sessions are busy and get %s\n", d.Busy, d.Sessions, time.Duration(d.Limit*float64(time.Second)))
}

// ago returns a duration in days and hours, or in whole seconds below a day.
func ago(d time.Duration) string {
	if day := 24 * time.Hour; d >= day {
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
	return max(d, 0).Truncate(time.Second).String()
}

// left returns in words in how many days a certificate expires.
func left(d time.Duration) string {
	if d < 0 {
		return "EXPIRED"
	}
	return fmt.Sprintf("in %d days", d/(24*time.Hour))
}

// size returns a number of bytes for people.
func size(n int64) string {
	v, unit := float64(n), 0
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, []string{"", "KiB", "MiB", "GiB", "TiB"}[unit])
}
