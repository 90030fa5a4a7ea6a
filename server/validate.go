package server

import (
	"errors"
	"strings"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/ftptls"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// maxPrefix bounds Server.SessionPrefix, in bytes.
const maxPrefix = 32

// prefixChars are the characters that Server.SessionPrefix may have.
const prefixChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

// Validate reports everything that is wrong with the fields at once: a [FieldError] for
// each thing, joined with [errors.Join]. nil means that the server can start. The Serve
// methods call Validate. Validate calls a method Validate of Driver and Passive, which
// must not call Update or a Serve method of this server: such a call would wait for
// ever.
func (srv *Server) Validate() error {
	var errs []error
	bad := func(fields, format string, args ...any) { errs = append(errs, wrong(fields, format, args...)) }

	if srv.TLS == nil && !srv.InsecurePlaintext {
		bad("TLS InsecurePlaintext", "there is no certificate: give one with tls.Load or tls.SelfSigned, or allow sessions in clear")
	}
	if srv.TLS != nil {
		_, err := ftptls.NewLayer(srv.TLS)
		errs = append(errs, wrongAll("TLS", err))
	}
	if srv.TLS == nil && srv.SessionReuse == tls.Require {
		bad("SessionReuse TLS", "tls.Require needs TLS")
	}
	if srv.SessionReuse < tls.Prefer || srv.SessionReuse > tls.Off {
		bad("SessionReuse", "%d is none: want tls.Prefer, tls.Require or tls.Off", srv.SessionReuse)
	}
	if srv.SharedAddress {
		switch {
		case srv.TLS == nil:
			bad("SharedAddress TLS", "a shared address needs TLS, by which data connections are told apart")
		case srv.SessionReuse == tls.Off:
			bad("SharedAddress SessionReuse", "a shared address demands that data connections resume, which tls.Off gives up")
		}
		if srv.Active != nil {
			bad("SharedAddress Active", "behind a shared address active mode would connect to another host than the client")
		}
		if srv.InsecurePlaintext {
			bad("SharedAddress InsecurePlaintext", "behind a shared address data in clear would go to whoever connects first, as nothing tells whose a connection is")
		}
	}
	if len(srv.SessionPrefix) > maxPrefix || strings.Trim(srv.SessionPrefix, prefixChars) != "" {
		bad("SessionPrefix", "%q can't begin the ID of a session: want up to %d letters, digits, dots, hyphens and underscores", srv.SessionPrefix, maxPrefix)
	}
	if srv.DirMessage != "" && (!driver.ValidName(srv.DirMessage) || strings.Contains(srv.DirMessage, "/") || srv.DirMessage == ".") {
		bad("DirMessage", "%q is no name of a file; want one such as .message", srv.DirMessage)
	}
	_, err := disable(srv.Disabled)
	errs = append(errs, wrongAll("Disabled", err), wrongAll("Driver", validateDriver(srv.Driver, srv.TLS)), wrongAll("Passive", validate(srv.Passive)))
	return errors.Join(errs...)
}

// validate calls the method Validate of a part of the configuration, if the part has
// one.
func validate(part any) error {
	switch v := part.(type) {
	case *passive.Ports:
		if v == nil {
			return nil
		}
		return v.Validate()
	case interface{ Validate() error }:
		return v.Validate()
	}
	return nil
}
