package pamhelper

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// version is the version of the format of questions and answers. sallyport-pam
// must have the same.
const version = 3

// maxMessage bounds a message, in bytes.
const maxMessage = 64 << 10

// Helper says where the program sallyport-pam is and which service it asks
// about.
type Helper struct {
	Path    string // an absolute path
	Service string // the name of the service in PAM
	As      string // the user of this host that all users of PAM are; empty if each is its own
}

// Question is a question to the helper.
type Question struct {
	Version  int    `json:"version"`
	Do       string `json:"do"`
	Service  string `json:"service"` // the name of the service in PAM
	User     string `json:"user"`
	Password string `json:"password"`
	Peer     string `json:"peer"` // the address of the client; empty for none
	As       string `json:"as"`   // the user of this host that all users of PAM are; empty if each is its own
	Hand     *Hand  `json:"hand"` // what a session is for
}

// Hand is a program that the helper starts in a session. The helper has descriptors for it: the executable as 3, then
// those of the hand from its standard error on.
type Hand struct {
	Args   []string `json:"args"`
	Env    []string `json:"env"`
	Files  int      `json:"files"` // how many descriptors
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"` // besides GID
}

// What a question asks the helper to do.
const (
	doCheck   = "check"
	doLogin   = "login"
	doSession = "session"
)

// Answer is an answer of the helper.
type Answer struct {
	Version int    `json:"version"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"` // why the verdict is not Accepted
	Told    string `json:"told"`   // what the client may hear of a refusal besides
	User    User   `json:"user"`   // set if a login is accepted

	Hand int `json:"hand"` // the process of the hand of a session that is opened
}

// Verdicts. Any other is a mistake.
const (
	Accepted = "accepted"
	Refused  = "refused"
	Down     = "down" // PAM can't tell
)

// User is a user as the databases of the system have it.
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

// frame returns a question in the form in which it is sent.
func frame(q Question) ([]byte, error) {
	q.Version = version
	text, err := json.Marshal(q)
	if err == nil && len(text) > maxMessage {
		err = fmt.Errorf("a question of %d bytes; there may be %d", len(text), maxMessage)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...), err
}
