package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// version is the version of the format of questions and answers.
const version = 2

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
}

const (
	doCheck   = "check"   // whether this program can ask PAM at all
	doLogin   = "login"   // whether a user may log in
	doSession = "session" // open a session, and close it when standard input ends
)

// answer is what the server hears from this program.
type answer struct {
	Version int     `json:"version"`
	Verdict string  `json:"verdict"` // accepted, refused or down
	Reason  string  `json:"reason"`  // why the verdict is not accepted
	Told    string  `json:"told"`    // what the client may hear of a refusal besides; only set if the password is right
	User    account `json:"user"`    // of a login that is accepted

	Limits map[int]limit `json:"limits"` // that modules have set for a session, by their numbers of getrlimit(2)
}

// limit is a soft and a hard limit as getrlimit(2) returns them.
type limit struct {
	Soft uint64 `json:"soft"`
	Hard uint64 `json:"hard"`
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
