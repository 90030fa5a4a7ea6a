package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/internal/networks"
)

// banList is the list of bans in force, the oldest first.
type banList struct {
	Bans []ban `json:"bans"`
}

// banRequest asks for a ban.
type banRequest struct {
	Network      string  `json:"network"`       // or an address
	For          float64 `json:"for,omitempty"` // seconds; 0 for ever
	Reason       string  `json:"reason,omitempty"`
	KeepSessions bool    `json:"keepSessions,omitempty"` // those that are there go on
}

// check returns the network to ban.
func (r *banRequest) check() (netip.Prefix, error) {
	network, err := networks.Parse(r.Network)
	switch {
	case err != nil:
		return network, err
	case network.Bits() == 0:
		return network, fmt.Errorf("%v is everybody; to take nobody on, drain the server", network)
	case !(r.For >= 0 && r.For <= mostSeconds):
		return network, fmt.Errorf("a ban can't last for %v seconds", r.For)
	}
	return network, checkReason(r.Reason)
}

// mostSeconds bounds the time of a ban, which a time.Duration has to hold.
const mostSeconds = 100 * 365 * 24 * 60 * 60

// banned answers a banRequest.
type banned struct {
	Ban      ban   `json:"ban"`
	Sessions int   `json:"sessions"`         // how many sessions the ban has ended
	Kept     bool  `json:"kept"`             // whether the ban outlives a restart
	Silent   []int `json:"silent,omitempty"` // engines that have not answered, by process
}

// unbanRequest lifts the ban of a network, or of an address.
type unbanRequest struct {
	Network string `json:"network"`
}

// unbanned answers an unbanRequest.
type unbanned struct {
	Bans []ban  `json:"bans"` // the bans that were lifted
	Left string `json:"left"` // a wider network whose ban still holds; empty for none
	Kept bool   `json:"kept"`
}

func (c *control) ban(w http.ResponseWriter, r *http.Request) {
	var asked banRequest
	if err := read(r.Body, &asked); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	network, err := asked.check()
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	now := time.Now().Round(0)
	b := ban{Network: network, Since: now, Reason: asked.Reason, By: c.by(r)}
	if asked.For > 0 {
		until := now.Add(time.Duration(asked.For * float64(time.Second)))
		b.Until = &until
	}
	if err := c.d.bans.add(b); err != nil {
		refuse(w, http.StatusConflict, err)
		return
	}
	answered := banned{Ban: b, Kept: c.d.bans.state.save()}
	if !asked.KeepSessions {
		ended := c.d.disconnect(r.Context(), engineRequest{Ban: &network})
		answered.Sessions, answered.Silent = ended.Sessions, ended.Silent
	}
	c.log(r, "a network was banned by hand", "network", network, "until", b.Until, "reason", b.Reason, "sessions", answered.Sessions)
	c.d.audit.ban("ban", b, b.By)
	answer(w, http.StatusOK, answered)
}

func (c *control) unban(w http.ResponseWriter, r *http.Request) {
	var asked unbanRequest
	if err := read(r.Body, &asked); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	network, err := networks.Parse(asked.Network)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	lifted, left := c.d.bans.lift(network)
	switch {
	case len(lifted) == 0 && left.IsValid():
		refuse(w, http.StatusConflict, fmt.Errorf("%v is banned as part of %v; lift that", network, left))
		return
	case len(lifted) == 0:
		refuse(w, http.StatusNotFound, fmt.Errorf("%v is not banned", network))
		return
	}
	answered := unbanned{Bans: lifted, Kept: c.d.bans.state.save()}
	if left.IsValid() {
		answered.Left = left.String()
	}
	for _, b := range lifted {
		c.log(r, "a ban was lifted by hand", "network", b.Network)
		c.d.audit.ban("unban", b, c.by(r))
	}
	answer(w, http.StatusOK, answered)
}

// by returns the name of whoever has sent a request.
func (c *control) by(r *http.Request) string { return r.Context().Value(whoKey{}).(who).String() }

// parseBan parses the command line of a command about bans; errs are the mistakes found before.
func (s *operateSettings) parseBan(command string, rest []string, errs []error) (*operateSettings, *order, error) {
	o, err := s.banOrder(command, rest)
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, nil, &usageError{command, errs}
	}
	return s, o, nil
}

// banOrder returns the request that a command about bans stands for, or what is wrong with the command
// line.
func (s *operateSettings) banOrder(command string, rest []string) (*order, error) {
	now := time.Now()
	if command == "bans" {
		if len(rest) > 0 {
			return nil, fmt.Errorf("bans takes nothing but options: %q", rest)
		}
		told := new(banList)
		return &order{http.MethodGet, "/v1/bans", nil, told, func(w io.Writer) { told.print(w, now) }}, nil
	}
	if len(rest) != 1 {
		return nil, fmt.Errorf("say which one: sallyport %s ADDRESS", command)
	}
	if command == "unban" {
		told := new(unbanned)
		_, err := networks.Parse(rest[0])
		return &order{http.MethodPost, "/v1/unban", &unbanRequest{rest[0]}, told, told.print}, err
	}
	told := new(banned)
	asked := &banRequest{rest[0], s.period.Seconds(), s.reason, s.keepSessions}
	_, err := asked.check()
	return &order{http.MethodPost, "/v1/ban", asked, told, func(w io.Writer) { told.print(w, now) }}, err
}

// setPeriod sets how long a ban lasts.
func (s *operateSettings) setPeriod(text string) error {
	err := duration(&s.period, 0)(text)
	if err == nil && s.period == 0 {
		err = errors.New("a ban of 0s is none; want 1h, say, or leave it out for one without an end")
	}
	return err
}

// networkName returns a network as people write it: an address if the network has only one.
func networkName(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// rest returns in words how long a ban still lasts.
func (b *ban) rest(now time.Time) string {
	if b.Until == nil {
		return "without an end"
	}
	return "for " + ago(b.Until.Sub(now))
}

func (l *banList) print(w io.Writer, now time.Time) {
	table(w, func(row func(...string)) {
		row("NETWORK", "SINCE", "HOLDS", "BY", "REASON")
		for _, b := range l.Bans {
			by := b.By
			if b.Automatic {
				by = "the server"
			}
			row(networkName(b.Network), b.Since.Format(time.DateTime), b.rest(now), cmp.Or(by, "-"), cmp.Or(b.Reason, "-"))
		}
	})
}

func (b *banned) print(w io.Writer, now time.Time) {
	fmt.Fprintf(w, "banned %s: %s; sessions ended: %d\n", b.Ban.rest(now), networkName(b.Ban.Network), b.Sessions)
	printSilent(w, b.Silent)
	printKept(w, b.Kept)
}

func (u *unbanned) print(w io.Writer) {
	for _, b := range u.Bans {
		fmt.Fprintf(w, "no longer banned: %s\n", networkName(b.Network))
	}
	if u.Left != "" {
		fmt.Fprintf(w, "but part of %s, which still is\n", escaped(u.Left))
	}
	printKept(w, u.Kept)
}

func printKept(w io.Writer, kept bool) {
	if !kept {
		fmt.Fprintln(w, "a restart forgets that: the server has no state-dir, or can't write there")
	}
}
