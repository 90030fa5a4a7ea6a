package ftpstest

import (
	"slices"
	"strings"
)

// KindInfo describes a kind of fault, for people: help texts are made of it.
type KindInfo struct {
	Kind Kind
	// Does says what happens, and Catches which bugs of a client a test finds
	// by it.
	Does, Catches string
	// Params are the fields of Fault that count, with their names in the
	// textual form.
	Params []Param
	// Example is a fault in the textual form.
	Example string
}

// Param describes a parameter of a fault.
type Param struct {
	// Name is as in the textual form: the field's name in lower case.
	Name string
	// Means is what it is for.
	Means string
	// Default is what leaving it out means, "" for nothing.
	Default string
}

// Kinds returns descriptions of all kinds of faults, in the order in which they
// are best explained.
func Kinds() []KindInfo {
	list := slices.Clone(kinds)
	for i := range list {
		list[i].Params = slices.Clone(list[i].Params)
	}
	return list
}

// whom describes the parameter "to", with the names of the groups.
const whom = "which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by +"

var (
	to     = Param{"to", whom, "transfer"}
	nth    = Param{"nth", "which of them, counted from 1", "every one"}
	after  = Param{"after", "bytes that go by before it", "0"}
	closes = Param{"how", "fin (end of TCP) or rst (connection reset)", "fin"}
)

// kinds is the one table of faults.
var kinds = []KindInfo{{
	Kind: Cut,
	Does: "The data connection ends early, in the middle of a file or listing. An upload is not stored.",
	Catches: "The client takes half a file for a whole one: it ignores the final reply or, with code=226, " +
		"a missing TLS close_notify or a wrong size.",
	Params: []Param{to, nth, after,
		{"how", "fin (TCP ends without close_notify), rst (connection reset) or clean (close_notify, then FIN)", "fin"},
		{"code", "code of the final reply; 226 claims success, and stores what came of an upload", "426"},
		{"text", "its text", ""}},
	Example: "cut:to=RETR,nth=2,after=1000,how=rst",
}, {
	Kind:    NoNotify,
	Does:    "A download or listing is complete, but TLS ends without close_notify, as some servers do.",
	Catches: "The client fails or hangs although the final reply tells that all is there; or it is meant to be strict and isn't.",
	Params:  []Param{{"to", whom, "download+listing"}, nth, closes},
	Example: "no-notify:to=LIST",
}, {
	Kind:    Stall,
	Does:    "Data stops moving while both connections stay open.",
	Catches: "The client waits for ever: it has no timeout for a transfer that makes no progress.",
	Params:  []Param{to, nth, after, {"for", "how long, such as 30s", "for ever"}},
	Example: "stall:after=4096",
}, {
	Kind:    Slow,
	Does:    "Data moves slowly.",
	Catches: "The client limits how long a whole transfer takes rather than how long it may make no progress.",
	Params:  []Param{to, nth, {"rate", "bytes per second", "1000"}},
	Example: "slow:rate=64k",
}, {
	Kind:    Full,
	Does:    "The disk is full once an upload has so many bytes; nothing of it is stored.",
	Catches: "The client doesn't report a failed upload, or tries the same again at once and for ever.",
	Params: []Param{{"to", whom, "upload"}, nth, after,
		{"code", "code of the reply: 552 (quota) or 452 (no space)", "552"}, {"text", "its text", ""}},
	Example: "full:after=10k",
}, {
	Kind: Drop,
	Does: "The control connection is gone without a word: in the middle of a transfer, whose data connection is " +
		"reset then, or in place of the reply to another command.",
	Catches: "The client waits for ever, doesn't connect again, or takes the transfer for complete.",
	Params: []Param{{"to", whom, "transfer"}, nth, {"after", "bytes that go by before it, for transfers", "0"}, closes,
		{"done", "yes: other commands than transfers are done all the same", "no"}},
	Example: "drop:to=STOR,after=1000",
}, {
	Kind: Reply,
	Does: "A command gets this reply and is not done. Code 421 ends the session.",
	Catches: "The client doesn't expect the command to be refused: it goes on as if nothing were, never tries again, " +
		"or tries again without a pause. With done=yes: it does something twice that was done the first time.",
	Params: []Param{{"to", whom + "; connect is the greeting", ""}, nth,
		{"code", "code of the reply", "530 for PASS, 425 for PASV and EPSV, 450 for transfers, 421 for connect, else 502"},
		{"text", "its text; lines are parted by \\n", ""},
		{"done", "yes: the command is done all the same", "no"}},
	Example: "reply:to=login,nth=1,code=530",
}, {
	Kind:    Mute,
	Does:    "A command is done, but its reply doesn't come or comes late.",
	Catches: "The client has no timeout for replies: at the end of a long transfer a firewall may have forgotten the control connection.",
	Params:  []Param{{"to", whom + "; connect is the greeting", "transfer"}, nth, {"for", "how long, such as 30s", "for ever"}},
	Example: "mute:to=STOR",
}, {
	Kind: Shutdown,
	Does: "The server shuts down when the command comes: transfers finish, then every session hears 421 and no new one " +
		"is taken.",
	Catches: "The client, or its pool of connections, takes an unexpected 421 for the answer to its next command, or " +
		"doesn't report that the server is gone.",
	Params:  []Param{to, nth},
	Example: "shutdown:to=RETR,nth=3",
}, {
	Kind:    Announce,
	Does:    "The reply to PASV or EPSV names a wrong address or port, as behind a NAT that nobody told the server of.",
	Catches: "The client can't be made to ignore the address in 227, waits too long for the data connection, or doesn't fall back to EPSV.",
	Params: []Param{{"to", whom, "passive"}, nth,
		{"addr", "HOST, HOST:PORT or :PORT; EPSV has a port only", "192.0.2.1, which is nobody's"}},
	Example: "announce:addr=10.0.0.5",
}, {
	Kind:    Reuse,
	Does:    "Data connections must resume the TLS session of the control connection; others get 522, as from vsftpd and FileZilla Server.",
	Catches: "The client doesn't resume TLS sessions.",
	Params:  []Param{to, nth},
	Example: "reuse",
}, {
	Kind: Certificate,
	Does: "The server presents a bad certificate: expired, for another host, or from an unknown authority.",
	Catches: "The client doesn't verify certificates: not at all, not their dates or names, or not on data connections, " +
		"where one that resumes TLS sessions sees none.",
	Params:  []Param{{"how", "expired, host or unknown", "expired"}, {"to", "control, data or both", "both"}},
	Example: "certificate:how=host",
}}

func describe(k Kind) *KindInfo {
	for i := range kinds {
		if kinds[i].Kind == k {
			return &kinds[i]
		}
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, k := range kinds {
		names = append(names, string(k.Kind))
	}
	return strings.Join(names, ", ")
}

func (k *KindInfo) takes(name string) bool {
	return slices.ContainsFunc(k.Params, func(p Param) bool { return p.Name == name })
}

func (k *KindInfo) paramNames() string {
	var names []string
	for _, p := range k.Params {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}
