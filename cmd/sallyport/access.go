package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/tcpwrap"
)

// The files of TCP wrappers.
const (
	hostsAllow = "/etc/hosts.allow"
	hostsDeny  = "/etc/hosts.deny"
)

// readAccess reads the rules that the files of TCP wrappers have for this server.
func (s *settings) readAccess() []error {
	s.access = nil
	if s.wrappers == "" {
		return nil
	}
	var errs mistakes
	s.access = &tcpwrap.Rules{}
	for _, file := range []string{hostsAllow, hostsDeny} {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // as TCP wrappers do without
		}
		if err != nil {
			errs.add(s.at("tcp-wrappers"), err)
			continue
		}
		rules, err := tcpwrap.Parse(file, string(text), s.wrappers, file == hostsAllow)
		errs.add(s.at("tcp-wrappers"), err)
		s.access.All = append(s.access.All, rules...)
	}
	return errs
}

// accessEvery is how often the files of TCP wrappers are looked at. Programs that ban clients change them.
const accessEvery = 2 * time.Second

// watchAccess has the rules of TCP wrappers read again when a file of them has changed, until ctx ends. use puts
// settings with other rules into force. Rules that can't be followed leave the old ones as they are.
func (d *daemon) watchAccess(ctx context.Context, use func(next *settings) error) {
	seen := accessStamp()
	ticker := time.NewTicker(accessEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := accessStamp()
		if now == seen {
			continue
		}
		seen = now
		d.reloading.Lock()
		next := *d.settings
		if next.wrappers != "" {
			err := errors.Join(next.readAccess()...)
			if err == nil {
				err = use(&next)
			}
			if err != nil {
				d.log.Error("the rules of TCP wrappers are wrong, and the old ones stay", "problem", err)
			} else {
				d.log.Info("the rules of TCP wrappers were read again", "rules", len(next.access.All))
			}
		}
		d.reloading.Unlock()
	}
}

// accessStamp returns a text that changes with the files of TCP wrappers.
func accessStamp() (text string) {
	for _, file := range []string{hostsAllow, hostsDeny} {
		if info, err := os.Stat(file); err == nil {
			text += fmt.Sprintf("%v %d;", info.ModTime(), info.Size())
		} else {
			text += ";"
		}
	}
	return text
}

// turnAway closes a connection of a client whom the rules keep out, and reports whether it did. Over TLS the client
// reads nothing.
func (d *daemon) turnAway(conn net.Conn, peer netip.Addr, implicit bool) bool {
	at := d.current().access.Refuses(peer)
	if at == "" {
		return false
	}
	if !implicit { // a fresh socket takes one short line without blocking
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		conn.Write([]byte("421 Service not available.\r\n"))
	}
	conn.Close()
	d.srv.Refused(conn, fmt.Errorf("the address may not connect, by the rule at %s", at))
	return true
}
