package probe

import "slices"

// ID names a kind of finding. Scripts may depend on IDs: they never change.
type ID string

// Findings about the network, the greeting and equipment on the way.
const (
	Invalid         ID = "invalid"            // the probe itself was set up wrong
	Interrupted     ID = "interrupted"        // the time was up, or the caller gave up
	DNSFailed       ID = "dns-failed"         // the name has no address
	AddressDead     ID = "address-dead"       // one of several addresses does not answer
	ControlRefused  ID = "control-refused"    // nobody listens on a control port
	ControlFiltered ID = "control-filtered"   // a control port does not answer
	ControlError    ID = "control-error"      // connecting failed in another way
	ControlLost     ID = "control-lost"       // the session ended before its time
	GreetingNone    ID = "greeting-none"      // no greeting, and no TLS either
	GreetingRefused ID = "greeting-refused"   // a greeting other than 220
	GreetingLate    ID = "greeting-late"      // the greeting took seconds
	NotFTP          ID = "not-ftp"            // the port speaks another protocol
	ImplicitClear   ID = "implicit-clear"     // clear text on the port of implicit TLS
	ImplicitOnClear ID = "implicit-elsewhere" // implicit TLS on the port of explicit TLS
	ALGBanner       ID = "alg-banner"         // the greeting is masked
	ALGFeat         ID = "alg-feat"           // AUTH is taken out of FEAT
	ALGAuth         ID = "alg-auth"           // AUTH is blocked or garbled
	ALGPasv         ID = "alg-pasv"           // the 227 reply differs in clear and under TLS
	ClearLogin      ID = "clear-login"        // passwords are asked for in clear
	IdleCut         ID = "idle-cut"           // something on the way has forgotten the idle session
	IdleClosed      ID = "idle-closed"        // the server ended the idle session
	IdleSurvived    ID = "idle-survived"      // the idle session has survived
	ExplicitWorks   ID = "explicit-works"     // AUTH TLS works
	ImplicitWorks   ID = "implicit-works"     // implicit TLS works
	LoginRefused    ID = "login-refused"      // the credentials are wrong, or so the server says
	LoginWithheld   ID = "login-withheld"     // the password was not sent
	LoginNotGiven   ID = "login-not-given"    // there are no credentials to look further with
	FeatMissing     ID = "feat-missing"       // FEAT is not understood
	FeatAfterLogin  ID = "feat-after-login"   // FEAT is refused before the login

)

// entry returns the entry of the catalog for an ID. It panics if there is
// none.
func (id ID) entry() Finding {
	for _, part := range [][]Finding{networkFindings, tlsFindings, dataFindings} {
		for _, f := range part {
			if f.ID == id {
				return f
			}
		}
	}
	panic("probe: no finding " + string(id))
}

// Catalog returns one finding of each kind, with Seen empty.
func Catalog() []Finding { return slices.Concat(networkFindings, tlsFindings, dataFindings) }

const offALG = "Switch FTP inspection (ALG, helper, fixup) off for this server's control port and open its data " +
	"ports by a fixed rule; implicit TLS, on port 990, is mostly left alone by such equipment."

// networkFindings are about the network and control connections. The columns
// are ID, Severity, Port, Seen, Means, Cure, For.
var networkFindings = []Finding{
	{Invalid, Fail, 0, "", "The probe was asked for something it cannot do.", "Correct what is named.", ClientConfig},
	{Interrupted, Fail, 0, "", "The probe was ended early; what it did not reach is unknown.",
		"Give it more time, or look at one port at a time.", ClientConfig},
	{DNSFailed, Fail, 0, "", "This machine finds no address for the name. Unless its own resolver fails, no client finds the " +
		"server by this name.",
		"Correct the name, or publish an A record for it (and AAAA if it has IPv6).", ClientConfig},
	{AddressDead, Warn, 0, "", "Clients that pick this address fail or wait before they try another one.",
		"Make the server listen on every address that DNS names, or take the address out of DNS.", ServerConfig},
	{ControlRefused, Fail, 0, "", "The host answers, and nothing listens on this port: the server is not running or " +
		"listens elsewhere, a port forward is missing, or a firewall rejects.",
		"Start the server on this port, or forward the port to it.", ServerConfig},
	{ControlFiltered, Fail, 0, "", "Packets to this port are dropped on the way, or the host is down.",
		"Allow TCP to this port: inbound at the server's firewall and outbound at the client's. If it works from " +
			"another network, it is the client's.", ServerFirewall},
	{ControlError, Fail, 0, "", "The connection could not be made from this machine.",
		"Check the route of this machine to the server.", ClientConfig},
	{ControlLost, Fail, 0, "", "The session ended or fell silent in the middle: a server that crashed, one that has a " +
		"limit, or equipment that cuts what it does not understand.",
		"Look into the server's log at this time; if it shows nothing, ask for FTP inspection to be switched off.",
		ServerConfig},
	{GreetingNone, Fail, 0, "", "The port is open, but what is behind it speaks neither FTP nor TLS: a proxy or firewall " +
		"that accepts for a server that is down, or a server that waits too long for DNS or ident.",
		"Check that the server runs behind the device; switch off reverse DNS and ident look-ups in the server.",
		ServerConfig},
	{GreetingRefused, Fail, 0, "", "The server turns this client away before any login: too many connections, a " +
		"blocked address, or maintenance.", "Do what the text says; ask for this client's address to be allowed.",
		ServerConfig},
	{GreetingLate, Warn, 0, "", "Each connection waits before it starts, and clients with short time-outs give up. " +
		"Mostly the server looks up the client's name and its DNS does not answer.",
		"Switch off reverse DNS and ident look-ups in the server.", ServerConfig},
	{NotFTP, Fail, 0, "", "Another service answers on this port. SFTP is a part of SSH and no FTP.",
		"Use the port of the FTPS server, or a client for this protocol.", ClientConfig},
	{ImplicitClear, Warn, 0, "", "990 is the port of implicit TLS, and this server starts in clear text there. Clients " +
		"set to implicit TLS fail.", "Switch implicit TLS on for this port, or serve explicit TLS on 21 only.",
		ServerConfig},
	{ImplicitOnClear, Warn, 0, "", "TLS starts at once on the port where clients expect explicit TLS, and wait for a " +
		"greeting.", "Set clients to implicit TLS for this port, or move the listener to 990.", ServerConfig},
	{ALGBanner, Warn, 0, "", "The greeting is made of asterisks, as firewalls do that inspect FTP. They stop " +
		"understanding it when TLS starts, and some break it then.", offALG, ServerFirewall},
	{ALGFeat, Warn, 0, "", "FEAT does not offer AUTH in clear text, though it works: something on the way takes it out. " +
		"Clients that ask first will not use TLS.", offALG, ServerFirewall},
	{ALGAuth, Fail, 0, "", "Something on the way does not let AUTH through, so that it can go on reading. No explicit " +
		"FTPS is possible.", offALG, ServerFirewall},
	{ALGPasv, Fail, 0, "", "In clear text somebody corrects the address or port that the server announces, which cannot " +
		"be done through TLS. So FTP works and FTPS does not.",
		"Let the server announce its public address and forward the data ports unchanged; then switch FTP inspection off.",
		ServerConfig},
	{ClearLogin, Warn, 0, "", "The server asks for a password without TLS. A client that is set up wrongly shows it to " +
		"the whole network.", "Require TLS for logins.", ServerConfig},
	{IdleCut, Warn, 0, "", "A firewall or NAT on the way forgot the session while it was idle. Long transfers fail at " +
		"their end, because the control connection is idle meanwhile.",
		"Raise the TCP idle time-out of the firewall; switch on TCP keepalive in client or server.", ClientFirewall},
	{IdleClosed, Info, 0, "", "The server ended the session because it was idle, as it may.",
		"Raise the server's idle time-out if clients stay connected longer.", ServerConfig},
	{IdleSurvived, OK, 0, "", "The session outlives this much silence.", "", ""},
	{ExplicitWorks, OK, 0, "", "Explicit TLS works on this port.", "", ""},
	{ImplicitWorks, OK, 0, "", "Implicit TLS works on this port.", "", ""},
	{LoginRefused, Fail, 0, "", "The server does not let this user in. Some servers say so, too, when they want TLS, a " +
		"client certificate, or a certain address.", "Check user and password; the server's log says why.", ClientConfig},
	{LoginWithheld, Warn, 0, "", "The password was not sent, so nothing behind the login was looked at.",
		"Repair what is wrong with TLS or the certificate, or give the certificate as trusted, or allow it explicitly.",
		ClientConfig},
	{LoginNotGiven, Info, 0, "", "Without a login the data ports cannot be looked at.",
		"Give a user and a password to look further.", ClientConfig},
	{FeatMissing, Info, 0, "", "Clients cannot ask what the server can do, and fall back to guessing.",
		"Use a server that knows RFC 2389.", ServerConfig},
	{FeatAfterLogin, Info, 0, "", "Clients that ask whether there is TLS before they log in get no answer.",
		"Allow FEAT before the login.", ServerConfig},
}
