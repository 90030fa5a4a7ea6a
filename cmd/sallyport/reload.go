package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/joined"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
)

// reload reads the configuration again. If anything is wrong with it, the old configuration stays in force. Otherwise
// new logins and connections follow the new one, and no session ends.
func (d *daemon) reload() reloaded {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.sup.reloading()
	d.vsftpd.reopen()
	next, err := d.reread()
	if err = next.examined(context.Background(), err, d.owns); err == nil {
		err = d.apply(next)
	}
	read := d.readAgain(joined.Errors(err)...)
	d.mu.Lock()
	d.last = read
	d.mu.Unlock()
	for _, problem := range read.Mistakes {
		d.log.Error("the configuration is wrong, and the old one stays", "problem", problem)
	}
	if err != nil {
		d.sup.ready("The configuration is wrong, and the old one stays: " + read.Mistakes[0])
		return read
	}
	d.sup.ready("Serving")
	d.log.Info("the configuration was read again", "files", read.Files, "users", read.Users)
	d.tellHidden()
	for _, name := range read.Waiting {
		d.log.Warn("a changed option takes effect at the next start", "option", name)
	}
	return read
}

// tellHidden logs which users are hidden by others of the same name, who may have other rights than is thought.
func (d *daemon) tellHidden() {
	for _, text := range d.settings.hidden {
		d.log.Warn("a user counts for nothing", "problem", text)
	}
}

// readAgain returns the result of a reading of the configuration, with the settings that are now in force.
func (d *daemon) readAgain(mistakes ...error) reloaded {
	read := reloaded{
		At: time.Now(), Files: append([]string{}, d.settings.files...), Users: len(d.everybody()),
		Mistakes: []string{}, Waiting: append([]string{}, d.settings.waiting(d.started)...),
	}
	for _, err := range mistakes {
		read.Mistakes = append(read.Mistakes, err.Error())
	}
	return read
}

// follow puts those settings into force that need no restart, or none of them if one fails.
func (d *daemon) follow(next *settings) error {
	users, err1 := next.driver(d.homes.login, d.password, d.log)
	announce, err2 := d.announcer(next)
	cert, err3 := d.certificateFor(next)
	leave, err4 := d.homes.keep(next)
	err := errors.Join(err1, err2, err3, err4)
	if err == nil {
		err = d.update(next, users, cert, announce)
	}
	if err != nil {
		leave()
		d.discard(cert)
		return err
	}
	oldLeave := d.leave
	d.use(next, cert, leave)
	oldLeave()
	d.places.Store(next.places())
	return nil
}

// update passes settings to the server.
func (d *daemon) update(next *settings, users driver.Driver, cert *certificate, announce passive.Announcer) error {
	return d.srv.Update(func(s *server.Settings) {
		s.Driver, s.TLS, s.Announce, s.Greeting, s.Disabled = users, cert.config, announce, next.greeting, next.disabled
		next.limits.into(s)
	})
}

// use puts settings and a certificate into force here, and removes the file of a certificate that is no longer shown.
func (d *daemon) use(next *settings, cert *certificate, leave func()) {
	old := d.cert
	d.mu.Lock()
	d.settings, d.leave, d.cert = next, leave, cert
	d.mu.Unlock()
	if cert.file != old.file {
		old.remove()
	}
	d.level.Set(next.level)
	d.bans.follow(next.automatic())
}

// discard removes a certificate that was loaded but is not used.
func (d *daemon) discard(cert *certificate) {
	if cert != nil && cert.file != d.cert.file {
		cert.remove()
	}
}

// certificateFor returns the certificate for other settings. A certificate that was made for this run stays.
func (d *daemon) certificateFor(next *settings) (*certificate, error) {
	switch {
	case next.cert != d.settings.cert || next.key != d.settings.key:
		return next.loadCertificate(d.log)
	case next.clientCA == "" && d.clientCA == "":
		return d.cert, nil
	}
	return next.askingClients(d.cert)
}

// announcer returns the rules for the address that clients are told. nil leaves that to the server's Passive, which
// has the rules of the start.
func (d *daemon) announcer(next *settings) (passive.Announcer, error) {
	if next.announce == d.started.announce {
		return nil, nil
	}
	return d.rules(cmp.Or(next.announce, "dialled"))
}

// waiting returns the options whose change since the start takes effect at the next start only.
func (s *settings) waiting(started *settings) (names []string) {
	for _, e := range s.entries() {
		if e.when == atStart && !slices.Equal(s.sources[e.name].values, started.sources[e.name].values) {
			names = append(names, e.name)
		}
	}
	return names
}
