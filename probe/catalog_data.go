package probe

// Findings about data connections.
const (
	EPSVRefused      ID = "epsv-refused"        // EPSV is switched off
	EPSVHang         ID = "epsv-hang"           // no answer to EPSV
	EPSVForm         ID = "epsv-form"           // a 229 that clients cannot read
	PasvRefused      ID = "pasv-refused"        // PASV is switched off
	PasvForm         ID = "pasv-form"           // a 227 that strict clients cannot read
	PassiveRefused   ID = "passive-refused"     // neither EPSV nor PASV works
	PasvUnspecified  ID = "pasv-unspecified"    // 0.0.0.0 is announced
	PasvLoopback     ID = "pasv-loopback"       // 127.x is announced
	PasvContainer    ID = "pasv-container"      // an address inside Docker is announced
	PasvPrivate      ID = "pasv-private"        // a private address is announced
	PasvOther        ID = "pasv-other"          // another public address is announced
	PortsSequential  ID = "ports-sequential"    // data ports can be guessed
	PortsWide        ID = "ports-wide"          // the data ports are not set to a short range
	PortsDead        ID = "data-ports-dead"     // some data ports are open, others not
	DataRefused      ID = "data-refused"        // nobody listens on the data port
	DataFiltered     ID = "data-filtered"       // the data port does not answer
	DataError        ID = "data-error"          // connecting failed in another way
	DataCut          ID = "data-cut"            // the connection opens, and then neither TLS nor a reason comes
	DataStalls       ID = "data-stalls"         // the connection opens, and what the server sends does not arrive
	DataBroken       ID = "data-broken"         // the connection ends in an error, in the middle of the data
	DataTLS          ID = "data-tls"            // TLS fails on the data connection
	DataCert         ID = "data-certificate"    // another certificate than on the control connection
	ReuseRequired    ID = "reuse-required"      // only resumed sessions are accepted
	FullHandshake    ID = "no-full-handshake"   // only resumed sessions work, and no reply says why
	ReuseHarmful     ID = "reuse-harmful"       // resumed sessions fail
	ReuseNone        ID = "reuse-none"          // no session is resumed
	LateHelloNeeded  ID = "reply-after-hello"   // 150 comes only after the ClientHello
	EarlyHello       ID = "hello-first-fails"   // a ClientHello before the command fails
	DataTruncated    ID = "data-no-closenotify" // the end of a download is not certain
	TransferFailed   ID = "transfer-failed"     // the listing failed for another reason
	TransferUnsteady ID = "transfer-unsteady"   // the same transfer fails and then works
	ListRefused      ID = "list-refused"        // the path cannot be listed
	UploadRefused    ID = "upload-refused"      // STOR is refused
	UploadFailed     ID = "upload-failed"       // STOR began and did not end well
	UploadUnread     ID = "upload-unread"       // what was sent cannot be read back
	UploadLost       ID = "upload-lost"         // what arrived is not what was sent
	UploadLeft       ID = "upload-left"         // the test file could not be deleted
	UploadWorks      ID = "upload-works"        // the test file was written, read back and deleted
	DataWorks        ID = "data-works"          // listings arrive
	PassiveAddressOK ID = "pasv-works"          // 227 announces the address dialled
)

const announce = "Set the public address to announce in passive mode (pasv_address, MasqueradeAddress, ForcePassiveIP, " +
	"passive.Address)."

const openData = "Allow TCP to the data ports below: inbound at the server's firewall, forwarded to the server where " +
	"there is NAT, and outbound at the client's firewall."

const clampMSS = "Have the firewall or router limit the segment size to the path (TCP MSS clamping), or let ICMP " +
	"\"fragmentation needed\" and \"packet too big\" through; a lower MTU of the server shows whether that is it. If it works " +
	"from another network, the client's side is the one. A slow server: give the probe more time (--timeout)."

var dataFindings = []Finding{
	{EPSVRefused, Info, 0, "", "Only PASV is left, which is right behind some old equipment. Over IPv6 and NAT64 there is " +
		"no passive mode then.", "Switch EPSV on unless it is off for a reason.", ServerConfig},
	{EPSVHang, Fail, 0, "", "EPSV gets no answer, so clients that try it first hang.",
		"Make the server refuse EPSV, or switch off the FTP inspection that swallows it; set clients to PASV meanwhile.",
		ServerFirewall},
	{EPSVForm, Fail, 0, "", "Clients cannot find a port in this answer.", "Update the server.", ServerConfig},
	{PasvRefused, Warn, 0, "", "Clients that know PASV only, and most prefer it over IPv4, cannot transfer anything.",
		"Switch PASV on.", ServerConfig},
	{PasvForm, Warn, 0, "", "RFC 959 fixes no form for 227, but strict clients want (h1,h2,h3,h4,p1,p2).",
		"Restore the server's own wording of this reply.", ServerConfig},
	{PassiveRefused, Fail, 0, "", "No passive mode, which is the only one that works through the client's firewall.",
		"Switch passive mode on and name a short range of data ports.", ServerConfig},
	{PasvUnspecified, Fail, 0, "", "0.0.0.0 is no address. Some clients replace it, the others fail at the first listing.",
		announce, ServerConfig},
	{PasvLoopback, Fail, 0, "", "Clients are told to connect to themselves; the first listing fails or hangs.", announce,
		ServerConfig},
	{PasvContainer, Fail, 0, "", "The address is that of a container's inner network. Clients hang at the first listing.",
		announce + " Publish the data ports with the same numbers.", ServerConfig},
	{PasvPrivate, Fail, 0, "", "The address means nothing outside the server's own network. Clients that obey it hang at the " +
		"first listing; some replace it and work, so it fails for some and not for others.", announce, ServerConfig},
	{PasvOther, Warn, 0, "", "The address is not the one that was dialled. Clients that obey go there, which may be right; " +
		"others (curl, FileZilla by setting, basic-ftp, tnftp) replace it or refuse.",
		announce + " Where a cluster is meant, have clients dial the node itself.", ServerConfig},
	{PortsSequential, Warn, 0, "", "The next data port can be guessed, and a data connection be stolen by who is faster.",
		"Update the server, or require TLS session reuse on data connections.", ServerConfig},
	{PortsWide, Warn, 0, "", "The server uses any high port, so that a firewall has to open them all.",
		"Set a short range of passive ports in the server, such as 21000-21010, and allow just that.", ServerConfig},
	{PortsDead, Fail, 0, "", "Some data ports can be reached and others cannot, so that transfers fail now and then, for no " +
		"reason that users see. Mostly a rule or a port forward covers a part of the range only.", openData, ServerFirewall},
	{DataRefused, Fail, 0, "", "The login works and every listing fails: nobody listens where the server says it does. The " +
		"port is not forwarded, is forwarded under another number, or a firewall rejects.", openData, ServerFirewall},
	{DataFiltered, Fail, 0, "", "The login works and every listing hangs: packets to the data port are dropped on the way.",
		openData + " If it works from another network, the client's firewall is the one.", ServerFirewall},
	{DataError, Fail, 0, "", "The data connection could not be made from this machine.",
		"Check the route of this machine to the server.", ClientConfig},
	{DataCut, Fail, 0, "", "The data port opens and then nothing more comes: something on the way accepts the connection " +
		"and does not pass it on, the server waits for another one, or it is slower than the probe waits (--timeout).",
		offALG, ServerFirewall},
	{DataStalls, Fail, 0, "", "Data connections open, but what the server sends on them does not arrive. Mostly packets of " +
		"full size are dropped on the way, and the messages that say so (ICMP) with them: small packets, such as those " +
		"of a handshake that resumes, come through. A server that says nothing either may just be slow.", clampMSS, ServerFirewall},
	{DataBroken, Fail, 0, "", "The data connection opens and then ends in an error, in the middle of what the server sends: " +
		"something on the way cuts it, or the server resets it.",
		"Look into the server's log for this transfer; if it shows success, ask for inspection of the data ports to be switched off.",
		ServerFirewall},
	{DataTLS, Fail, 0, "", "The data connection opens, but TLS on it fails, with a resumed session and without.",
		"Look into the server's log for this transfer.", ServerConfig},
	{DataCert, Warn, 0, "", "Control and data show different certificates. FileZilla and others refuse that.",
		"Let both use one certificate; behind a load balancer, pin a client to one server.", ServerConfig},
	{ReuseRequired, Warn, 0, "", "Data connections must resume the control connection's TLS session. That is safe, but " +
		"clients that never do (Python's ftplib, Apache commons-net, older Java) cannot transfer anything.",
		"Use a client that resumes (FileZilla, WinSCP, lftp, curl), or drop the requirement (require_ssl_reuse=NO, " +
			"TLSOptions NoSessionReuseRequired).", ClientConfig},
	{FullHandshake, Warn, 0, "", "Data connections that resume the control connection's TLS session work, one that does not " +
		"fails, and the server does not say why. It may require resumption without saying so.",
		"Look into the server's log for this transfer; meanwhile use a client that resumes (FileZilla, WinSCP, lftp, curl).",
		ServerConfig},
	{ReuseHarmful, Fail, 0, "", "Data connections that resume the TLS session fail, others work. Most clients resume.",
		"Update the server or its TLS library; limiting it to TLS 1.2 often helps meanwhile.", ServerConfig},
	{ReuseNone, Info, 0, "", "Data connections do not resume the TLS session. Each costs a full handshake, and only the " +
		"address tells whose it is.", "Switch TLS session tickets on.", ServerConfig},
	{LateHelloNeeded, Fail, 0, "", "150 comes only after the client's TLS greeting on the data connection. Clients that wait " +
		"for 150 first (lftp, Python, Java, .NET) hang.", "Update the server.", ServerConfig},
	{EarlyHello, Warn, 0, "", "A client that starts TLS on the data connection before it sends the command fails (curl, " +
		"FileZilla, WinSCP).", "Update the server.", ServerConfig},
	{DataTruncated, Warn, 0, "", "The download ended without close_notify, so nobody can tell a complete file from a cut " +
		"one. Some clients report an error.", "Update the server.", ServerConfig},
	{TransferFailed, Fail, 0, "", "The server gave up the transfer. 425 or 426 after the data connection was made often mean " +
		"that it came from another address than the control connection; when a port is asked for, that none is free.",
		"Look into the server's log; make client and server use one address for both connections.", ServerConfig},
	{TransferUnsteady, Warn, 0, "", "A transfer failed, and the same one worked afterwards: users see failures now and then.",
		"Look into the server's log for the one that failed; probe again to see how often it happens.", ServerConfig},
	{ListRefused, Warn, 0, "", "The directory cannot be listed by this user, so data connections were not looked at in full.",
		"Name a directory that exists, or give the user the right to list it.", ServerConfig},
	{UploadRefused, Warn, 0, "", "This user may not write here.", "Give the right to write, if uploads are wanted.", ServerConfig},
	{UploadFailed, Fail, 0, "", "The upload did not end well, for another reason than a right that is missing.",
		"Look into the server's log for this transfer.", ServerConfig},
	{UploadUnread, Warn, 0, "", "The server confirmed the upload, but the file could not be read back, so nobody knows whether " +
		"it is whole.", "Give the right to read for a test, or compare the file on the server.", ServerConfig},
	{UploadLost, Fail, 0, "", "The file that came back is not the one that was sent: uploads lose data.",
		"Update the server; look for equipment that cuts connections.", ServerConfig},
	{UploadLeft, Info, 0, "", "The test file could not be deleted and is still there.", "Delete it.", ServerConfig},
	{UploadWorks, OK, 0, "", "A file was written, read back and deleted.", "", ""},
	{DataWorks, OK, 0, "", "Data connections work.", "", ""},
	{PassiveAddressOK, OK, 0, "", "PASV announces the address that was dialled.", "", ""},
}
