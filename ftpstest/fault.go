package ftpstest

import (
	"fmt"
	"time"
)

// Fault is something that goes wrong on purpose, so that a test sees what its
// client does then. [Config.Faults] has them from the start, [Server.Inject] adds
// some while the server runs:
//
//	srv.Inject(ftpstest.Fault{Kind: ftpstest.Cut, To: "RETR", Nth: 2, After: 1000})
//
// Only Kind is needed. What the other fields mean, and which of them count,
// depends on the Kind; [Kinds] describes each. Any number of faults work side by
// side. Where two would answer the same command, the first one does.
//
// Faults are deterministic: each counts the commands that it applies to, over all
// sessions. Bytes are counted as they cross the data connection inside TLS: they
// are the file's unless the file is sent as text (TYPE A) or compressed (MODE Z).
type Fault struct {
	// Kind is what goes wrong.
	Kind Kind
	// To names the commands that the fault happens to: a verb such as "RETR", or
	// "login", "passive", "download", "upload", "listing", "transfer", or
	// "connect" for the greeting; several are joined by "+". Empty means what
	// Kinds says.
	To string
	// Nth is which of these commands the fault happens to, counted from 1; 0 is
	// every one of them. A command that fails for another reason counts as well.
	Nth int
	// After is how many bytes go by before the fault happens.
	After int64
	// How is one of the ways that Kinds lists. Empty means the first.
	How string
	// Rate is in bytes per second.
	Rate int64
	// For is how long the fault lasts; 0 means until the client gives up or the
	// fault is cleared.
	For time.Duration
	// Code and Text make the reply. Zero means what Kinds says.
	Code int
	Text string
	// Done has the command done although the reply says otherwise.
	Done bool
	// Addr is "HOST", "HOST:PORT" or ":PORT".
	Addr string
}

// Kind is a kind of fault.
type Kind string

// The kinds of faults. Kinds has a description of each.
const (
	Cut         Kind = "cut"
	NoNotify    Kind = "no-notify"
	Stall       Kind = "stall"
	Slow        Kind = "slow"
	Full        Kind = "full"
	Drop        Kind = "drop"
	Reply       Kind = "reply"
	Mute        Kind = "mute"
	Shutdown    Kind = "shutdown"
	Announce    Kind = "announce"
	Reuse       Kind = "reuse"
	Certificate Kind = "certificate"
)

// Validate reports what is wrong with the fields.
func (f Fault) Validate() error {
	kind := describe(f.Kind)
	if kind == nil {
		return fmt.Errorf("ftpstest: unknown fault %q; there are %s", f.Kind, kindNames())
	}
	for _, p := range params {
		text := p.get(&f)
		switch {
		case text == "":
		case !kind.takes(p.name):
			return fmt.Errorf("ftpstest: fault %s has no %s; it takes %s", f.Kind, p.name, kind.paramNames())
		default:
			// A value that can't be read back from its text was never right.
			if err := p.set(new(Fault), text); err != nil {
				return fmt.Errorf("ftpstest: fault %s: %s=%s: %w", f.Kind, p.name, text, err)
			}
		}
	}
	if err := kind.check(&f); err != nil {
		return fmt.Errorf("ftpstest: fault %s: %w", f.Kind, err)
	}
	return nil
}
