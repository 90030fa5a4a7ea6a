// Package vsftpdlog writes what a server has done as vsftpd does: for its own log, for syslog, and for the transfer log
// of wu-ftpd, xferlog.
//
// # Security considerations
//
// What reads these logs, such as fail2ban, acts upon addresses in them. Names, passwords and commands are the client's
// choice, so none of them can end a line, end the name of the user, or begin what readers take for an address: Client
// and a quotation mark. A line that says otherwise is a vulnerability.
package vsftpdlog

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// What entries are about, in vsftpd's words.
const (
	Connect  = "CONNECT"
	Command  = "FTP command"
	Response = "FTP response"
	Login    = "LOGIN"
	Download = "DOWNLOAD"
	Upload   = "UPLOAD"
	Mkdir    = "MKDIR"
	Rmdir    = "RMDIR"
	Delete   = "DELETE"
	Rename   = "RENAME"
	Chmod    = "CHMOD"
)

// Kind is what xferlog calls the access mode of a user.
type Kind byte

const (
	Real      Kind = 'r' // a user of this host, or one with an account of its own; so is the zero value
	Guest     Kind = 'g' // one of many who are the same user of this host
	Anonymous Kind = 'a'
)

// Entry is one thing that a server has done.
type Entry struct {
	Time   time.Time  // in the zone that the line is to have
	Number uint64     // of the session, in the place of vsftpd's process
	User   string     // empty if the client has named none
	Kind   Kind       // of the user
	Email  string     // what an anonymous user gave as the password
	Word   string     // one of the constants above
	Failed bool       // means nothing to Connect, Command and Response
	Client netip.Addr // is written without its zone, and IPv4 as such
	Text   string     // the path, both paths of Rename, path and mode of Chmod, or a line of the connection; empty for none

	// Of Download and Upload.
	Bytes int64
	Took  time.Duration
	ASCII bool
}

// Line returns the line of vsftpd.log, with its end.
func (e *Entry) Line() string {
	return fmt.Sprintf("%s [pid %d] %s\n", e.Time.Format(time.ANSIC), e.Number, e.message())
}

// Numbers of syslog: RFC 3164, section 4.1.1.
const (
	facilityFTP = 11 << 3
	warning     = 4
	info        = 6
)

// Datagram returns the entry as syslog(3) sends it, with the facility ftp.
func (e *Entry) Datagram() string {
	level := info
	if e.Word == Login && e.Failed {
		level = warning
	}
	return fmt.Sprintf("<%d>%s vsftpd[%d]: %s", facilityFTP|level, e.Time.Format(time.Stamp), e.Number, e.message())
}

// message returns what is the same in all logs of vsftpd.
func (e *Entry) message() string {
	var b strings.Builder
	if e.User != "" {
		fmt.Fprintf(&b, "[%s] ", inBrackets(e.User))
	}
	switch {
	case e.Word == Connect, e.Word == Command, e.Word == Response:
	case e.Failed:
		b.WriteString("FAIL ")
	default:
		b.WriteString("OK ")
	}
	fmt.Fprintf(&b, `%s: Client "%s"`, e.Word, e.address())
	if e.Word == Login && !e.Failed && e.Kind == Anonymous {
		fmt.Fprintf(&b, `, anon password "%s"`, e.email())
	}
	if e.Text != "" {
		fmt.Fprintf(&b, `, "%s"`, e.text())
	}
	if e.isTransfer() {
		b.WriteString(e.moved())
	}
	return b.String()
}

func (e *Entry) isTransfer() bool { return e.Word == Download || e.Word == Upload }

func (e *Entry) address() string { return e.Client.Unmap().WithZone("").String() }

// text returns what stands in quotes behind the client. Lines of the connection keep their quotation marks, such as
// those of 257, as far as no reader takes them for those of an address.
func (e *Entry) text() string {
	if e.Word == Command || e.Word == Response {
		return strings.ReplaceAll(printable(e.Text), `Client "`, `Client ?`)
	}
	return inQuotes(e.Text)
}

// email returns the password of an anonymous user as one word.
func (e *Entry) email() string {
	if e.Email == "" {
		return "?"
	}
	return word(e.Email)
}

// moved returns how much was transferred, and how fast.
func (e *Entry) moved() string {
	var text string
	if e.Bytes != 0 {
		text = fmt.Sprintf(", %d bytes", e.Bytes)
	}
	rate := 0.0
	if e.Took > 0 {
		rate = float64(e.Bytes) / 1024 / e.Took.Seconds()
	}
	return text + fmt.Sprintf(", %.2fKbyte/sec", rate)
}

// Transfer returns the line of xferlog, with its end; empty unless the entry is a transfer.
func (e *Entry) Transfer() string {
	if !e.isTransfer() {
		return ""
	}
	kind, user, form, direction, status := e.Kind, word(e.User), 'b', 'o', 'c'
	switch e.Kind {
	case Anonymous:
		user = e.email()
	case Guest:
	default:
		kind = Real
	}
	if e.ASCII {
		form = 'a'
	}
	if e.Word == Upload {
		direction = 'i'
	}
	if e.Failed {
		status = 'i'
	}
	return fmt.Sprintf("%s %d %s %d %s %c _ %c %c %s ftp 0 * %c\n", e.Time.Format(time.ANSIC),
		max(1, int64(e.Took.Seconds())), e.address(), e.Bytes, word(e.Text), form, direction, kind, user, status)
}

// printable returns a text of the client's with a question mark for each byte that is not printable in ASCII, as
// vsftpd does.
func printable(text string) string { return without(text, "") }

// inQuotes returns a text that ends nothing that is in quotes.
func inQuotes(text string) string { return without(text, `"`) }

// inBrackets returns the name of a user such that it ends neither its brackets nor anything in quotes.
func inBrackets(name string) string { return without(name, `"[]`) }

// word returns a text as one field of xferlog.
func word(text string) string { return strings.ReplaceAll(inQuotes(text), " ", "_") }

// without returns a text with a question mark for each byte that is not printable, or one of those given.
func without(text, bytes string) string {
	clean := []byte(text)
	for i, c := range clean {
		if c < ' ' || c > '~' || strings.IndexByte(bytes, c) >= 0 {
			clean[i] = '?'
		}
	}
	return string(clean)
}
