// Package probe examines a remote FTPS server as a client sees it, and says what is wrong, for whom, and what the cure
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
// A probe needs only the address. Without a login it examines what servers show to everybody: DNS, the control ports,
// the greeting, AUTH, TLS, the certificate, FEAT. With a login it also examines EPSV, PASV and the data ports.
//
// # What it says
//
// A [Finding] has a stable [ID], what was seen on the wire, what follows from that, the cure, and who can apply it.
// [Catalog] lists all kinds of findings. A [Fact] is a measurement without judgement. The probe doesn't guess: if it
// can't tell, such as about the data ports after a refused login, the report has no finding, neither good nor bad.
//
// # Guarantees
//
//   - Nothing on the server is changed unless [Probe.AllowWrite] is set. Then the probe writes one small file by a name
//     that did not exist, reads it back and deletes it.
//   - No password is sent without TLS unless [Probe.InsecurePlaintext] is set, and none to a server that has not
//     proved its name unless [Probe.InsecureUntrusted] is.
//   - The probe connects only to addresses of [Probe.Host], whatever a PASV reply says, and only to the control ports
//     given and the data ports that the server names.
//   - The probe is no load. It makes at most [MaxConnections] connections, two at a time, except for the first
//     connection to each address, of which it tries at most [MaxAddresses]. It asks for at most [MaxRequests] data
//     ports besides those of the transfers, and connects once to each port named. It reads at most 64 KiB of a listing.
//     It logs in once for each session that needs a login, and never again after a login was refused.
//   - The probe ends: every step is bounded by [Probe.Timeout], and the whole by [MaxTime] plus [Probe.Idle]. No
//     goroutine outlives [Probe.Run].
//
// # Security considerations
//
// A probed server is not trusted. It counts as a vulnerability if a server can have the probe connect elsewhere, give
// away a password against the conditions above, use memory without bound, hang, or put a control character into a
// report, which would reach a terminal. What a report says was seen are the server's own words: a hostile server, or
// equipment on the way, can make itself look better or worse than it is.
//
// Probe only servers that you run or whose operator expects it: failed logins and odd handshakes show in their logs.
package probe
