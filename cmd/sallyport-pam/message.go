package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// version is the version of the format of questions and answers.
const version = 3

// maxMessage is how long a message may be, in bytes.
const maxMessage = 64 << 10

// question is what the server asks this program.
type question struct {
	Version  int    `json:"version"`
	Do       string `json:"do"` // doCheck, doLogin or doSession
	Service  string `json:"service"`
	User     string `json:"user"`
	Password string `json:"password"`
	Peer     string `json:"peer"` // the address of the client; empty for none
	As       string `json:"as"`   // the user of this host that all users of PAM are; empty if each is its own
	Hand     *hand  `json:"hand"` // what a session is for
}

// hand is a program that is started in a session. The server passes this program descriptors for it: the executable as
// 3, then those of the hand from its standard error on.
type hand struct {
	Args   []string `json:"args"`
	Env    []string `json:"env"`
	Files  int      `json:"files"` // how many descriptors
	UID    uint32   `json:"uid"`
	GID    uint32   `json:"gid"`
	Groups []uint32 `json:"groups"` // besides GID
}

const (
	doCheck   = "check"   // whether this program can ask PAM at all
	doLogin   = "login"   // whether a user may log in
	doSession = "session" // open a session, start a hand in it, and close it when standard input ends
)

// answer is what the server hears from this program.
type answer struct {
	Version int     `json:"version"`
	Verdict string  `json:"verdict"` // accepted, refused or down
	Reason  string  `json:"reason"`  // why the verdict is not accepted
	Told    string  `json:"told"`    // what the client may hear of a refusal besides; only set if the password is right
	User    account `json:"user"`    // of a login that is accepted

	Hand int `json:"hand"` // the process of the hand of a session that is opened
}

// Verdicts of an answer.
const (
	accepted = "accepted"
	refused  = "refused"
	down     = "down" // PAM can't tell
)

// account is a user as the system's databases have it, which are asked by way
// of NSS.
type account struct {
	Name   string `json:"name"`
	UID    int    `json:"uid"`
	GID    int    `json:"gid"`
	Groups []int  `json:"groups"` // besides GID
	Home   string `json:"home"`
}

// receive reads a message.
func receive(from io.Reader, to any) error {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxMessage {
		return fmt.Errorf("a message of %d bytes; there may be %d", n, maxMessage)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(from, text); err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

// send writes a message.
func send(to io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(text) > maxMessage {
		return fmt.Errorf("a message of %d bytes; there may be %d", len(text), maxMessage)
	}
	_, err = to.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}
