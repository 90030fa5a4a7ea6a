// Package probe looks at a remote FTPS server as a client sees it and says what is wrong, for whom, and what the cure
// is.
//
//	report := (&probe.Probe{
//		Host:     "ftp.example.com",
//		User:     "alice",
//		Password: os.Getenv("FTP_PASSWORD"),
//	}).Run(ctx)
//	fmt.Print(report) // ends with the ports to request from the firewall team
//	if !report.OK {
//		os.Exit(1)
//	}
//
// It needs nothing but the address. Without a login it examines what servers show to everybody: DNS, the control
// ports, the greeting, AUTH, TLS, the certificate, FEAT. With one it also examines EPSV, PASV and the data ports.
//
// # What it says
//
// A [Finding] has a stable [ID], what was seen on the wire, what that means, the cure, and who can apply it. [Catalog]
// lists all there are. A [Fact] is what was measured, without judgement. What nothing can be told about (a login that
// was refused hides the data ports) is not guessed at: the report has no finding then, neither good nor bad.
//
// # Guarantees
//
//   - Nothing on the server is changed unless [Probe.AllowWrite] is set. Then one small file of a name that did not
//     exist is written, read back and deleted.
//   - No password is sent without TLS unless [Probe.InsecurePlaintext] is set, and none to a server that has not
//     proved its name unless [Probe.InsecureUntrusted] is.
//   - It connects to no other address than those of [Probe.Host], whatever a PASV reply says, and to no other ports
//     than the control ports given and those that the server names for data.
//   - It is no load: [MaxConnections] connections at most, of which two at a time, but for the first look at each
//     address, of which there are [MaxAddresses] at most; [MaxRequests] requests for a data port beside those of the
//     transfers, and one connection to each port named; a listing is read up to 64 KiB. There is one attempt to log in
//     for each session that needs one, and none after one that was refused.
//   - It ends: every step is bounded by [Probe.Timeout] and all of it by [MaxTime] plus [Probe.Idle]. A goroutine
//     never outlives [Probe.Run].
//
// # Security considerations
//
// A probed server is not trusted. It counts as a vulnerability when it can make the probe connect elsewhere, learn
// a password under the conditions above, use memory without bound, hang, or put a control character into a report,
// where it would reach a terminal. The texts of a report are the server's own words where they say what was seen, and a
// hostile server, or equipment on the way, can of course make itself look better or worse than it is.
//
// Probe only servers that you run or whose operator expects it: failed logins and odd handshakes show in their logs.
package probe
