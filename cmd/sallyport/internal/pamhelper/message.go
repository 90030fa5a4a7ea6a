package pamhelper

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// version is that of questions and answers, of which sallyport-pam has the same.
const version = 1

// maxMessage is how long a message may be, in bytes.
const maxMessage = 64 << 10

// Helper is the program.
type Helper struct {
	Path    string // absolute
	Service string // that PAM knows the server by
}

// Question is what the helper is asked.
type Question struct {
	Version  int    `json:"version"`
	Do       string `json:"do"`
	Service  string `json:"service"` // that PAM knows the server by
	User     string `json:"user"`
	Password string `json:"password"`
	Peer     string `json:"peer"` // the address of the client; empty for none
}

// What the helper can do.
const (
	doCheck   = "check"
	doLogin   = "login"
	doSession = "session"
)

// Answer is what it says.
type Answer struct {
	Version int    `json:"version"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"` // of another verdict than Accepted
	Told    string `json:"told"`   // what the client may hear of a refusal besides that
	User    User   `json:"user"`   // of a login that is accepted

	Limits map[int]Limit `json:"limits"` // of a session that is opened
}

// Limit is a limit of getrlimit(2).
type Limit struct {
	Soft uint64 `json:"soft"`
	Hard uint64 `json:"hard"`
}

// Verdicts. Any other is a mistake.
const (
	Accepted = "accepted"
	Refused  = "refused"
	Down     = "down" // PAM can't tell
)

// User is a user as the databases of the system know it.
type User struct {
	Name   string `json:"name"`
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Groups []int  `json:"groups"` // besides GID
	Home   string `json:"home"`
}

// receive reads an answer.
func receive(from io.Reader) (a Answer, err error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return a, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxMessage {
		return a, fmt.Errorf("an answer of %d bytes; there may be %d", n, maxMessage)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(from, text); err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, err
	}
	switch {
	case a.Version != version:
		return a, fmt.Errorf("it speaks version %d, and this server version %d: install both programs anew", a.Version, version)
	case a.Verdict != Accepted && a.Verdict != Refused && a.Verdict != Down:
		return a, fmt.Errorf("the verdict %q is not known", a.Verdict)
	}
	return a, nil
}

// frame returns a question as it is sent.
func frame(q Question) ([]byte, error) {
	q.Version = version
	text, err := json.Marshal(q)
	if err == nil && len(text) > maxMessage {
		err = fmt.Errorf("a question of %d bytes; there may be %d", len(text), maxMessage)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...), err
}
