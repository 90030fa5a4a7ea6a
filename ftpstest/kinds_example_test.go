package ftpstest_test

import (
	"fmt"

	"github.com/sallyport/sallyport/ftpstest"
)

// ExampleKinds prints all faults: what each does, which bugs of a client it
// catches, and its parameters with their defaults.
func ExampleKinds() {
	for _, kind := range ftpstest.Kinds() {
		fmt.Printf("%s (%s)\n  %s\n  Catches: %s\n", kind.Kind, kind.Example, kind.Does, kind.Catches)
		for _, p := range kind.Params {
			fmt.Printf("  %s: %s", p.Name, p.Means)
			if p.Default != "" {
				fmt.Printf(" [%s]", p.Default)
			}
			fmt.Println()
		}
	}
	// Output:
	// cut (cut:to=RETR,nth=2,after=1000,how=rst)
	//   The data connection ends early, in the middle of a file or listing. An upload is not stored.
	//   Catches: The client takes half a file for a whole one: it ignores the final reply or, with code=226, a missing TLS close_notify or a wrong size.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [transfer]
	//   nth: which of them, counted from 1 [every one]
	//   after: bytes that go by before it [0]
	//   how: fin (TCP ends without close_notify), rst (connection reset) or clean (close_notify, then FIN) [fin]
	//   code: code of the final reply; 226 claims success, and stores what came of an upload [426]
	//   text: its text
	// no-notify (no-notify:to=LIST)
	//   A download or listing is complete, but TLS ends without close_notify, as some servers do.
	//   Catches: The client fails or hangs although the final reply tells that all is there; or it is meant to be strict and isn't.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [download+listing]
	//   nth: which of them, counted from 1 [every one]
	//   how: fin (end of TCP) or rst (connection reset) [fin]
	// stall (stall:after=4096)
	//   Data stops moving while both connections stay open.
	//   Catches: The client waits for ever: it has no timeout for a transfer that makes no progress.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [transfer]
	//   nth: which of them, counted from 1 [every one]
	//   after: bytes that go by before it [0]
	//   for: how long, such as 30s [for ever]
	// slow (slow:rate=64k)
	//   Data moves slowly.
	//   Catches: The client limits how long a whole transfer takes rather than how long it may make no progress.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [transfer]
	//   nth: which of them, counted from 1 [every one]
	//   rate: bytes per second [1000]
	// full (full:after=10k)
	//   The disk is full once an upload has so many bytes; nothing of it is stored.
	//   Catches: The client doesn't report a failed upload, or tries the same again at once and for ever.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [upload]
	//   nth: which of them, counted from 1 [every one]
	//   after: bytes that go by before it [0]
	//   code: code of the reply: 552 (quota) or 452 (no space) [552]
	//   text: its text
	// drop (drop:to=STOR,after=1000)
	//   The control connection is gone without a word: in the middle of a transfer, whose data connection is reset then, or in place of the reply to another command.
	//   Catches: The client waits for ever, doesn't connect again, or takes the transfer for complete.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [transfer]
	//   nth: which of them, counted from 1 [every one]
	//   after: bytes that go by before it, for transfers [0]
	//   how: fin (end of TCP) or rst (connection reset) [fin]
	//   done: yes: other commands than transfers are done all the same [no]
	// reply (reply:to=login,nth=1,code=530)
	//   A command gets this reply and is not done. Code 421 ends the session.
	//   Catches: The client doesn't expect the command to be refused: it goes on as if nothing were, never tries again, or tries again without a pause. With done=yes: it does something twice that was done the first time.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by +; connect is the greeting
	//   nth: which of them, counted from 1 [every one]
	//   code: code of the reply [530 for PASS, 425 for PASV and EPSV, 450 for transfers, 421 for connect, else 502]
	//   text: its text; lines are parted by \n
	//   done: yes: the command is done all the same [no]
	// mute (mute:to=STOR)
	//   A command is done, but its reply doesn't come or comes late.
	//   Catches: The client has no timeout for replies: at the end of a long transfer a firewall may have forgotten the control connection.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by +; connect is the greeting [transfer]
	//   nth: which of them, counted from 1 [every one]
	//   for: how long, such as 30s [for ever]
	// shutdown (shutdown:to=RETR,nth=3)
	//   The server shuts down when the command comes: transfers finish, then every session hears 421 and no new one is taken.
	//   Catches: The client, or its pool of connections, takes an unexpected 421 for the answer to its next command, or doesn't report that the server is gone.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [transfer]
	//   nth: which of them, counted from 1 [every one]
	// announce (announce:addr=10.0.0.5)
	//   The reply to PASV or EPSV names a wrong address or port, as behind a NAT that nobody told the server of.
	//   Catches: The client can't be made to ignore the address in 227, waits too long for the data connection, or doesn't fall back to EPSV.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [passive]
	//   nth: which of them, counted from 1 [every one]
	//   addr: HOST, HOST:PORT or :PORT; EPSV has a port only [192.0.2.1, which is nobody's]
	// reuse (reuse)
	//   Data connections must resume the TLS session of the control connection; others get 522, as from vsftpd and FileZilla Server.
	//   Catches: The client doesn't resume TLS sessions.
	//   to: which commands: verbs, or login, passive, download, upload, listing, transfer; several are joined by + [transfer]
	//   nth: which of them, counted from 1 [every one]
	// certificate (certificate:how=host)
	//   The server presents a bad certificate: expired, for another host, or from an unknown authority.
	//   Catches: The client doesn't verify certificates: not at all, not their dates or names, or not on data connections, where one that resumes TLS sessions sees none.
	//   how: expired, host or unknown [expired]
	//   to: control, data or both [both]
}
