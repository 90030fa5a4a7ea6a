package probe

// Findings about TLS and the certificate.
const (
	AuthRefused       ID = "auth-refused"          // AUTH TLS and AUTH SSL are refused
	AuthCut           ID = "auth-cut"              // the connection ends or hangs at AUTH
	AuthSSLOnly       ID = "auth-ssl-only"         // only the old AUTH SSL works
	HandshakeFailed   ID = "handshake-failed"      // no TLS after 234
	TLSOnlyOld        ID = "tls-only-old"          // nothing newer than TLS 1.1
	TLSOld            ID = "tls-old"               // TLS 1.0 or 1.1 are accepted, too
	TLSNo12           ID = "tls-no-1.2"            // TLS 1.3 alone
	TLSNo13           ID = "tls-no-1.3"            // TLS 1.2 is the newest
	TLSWeakCipher     ID = "tls-weak-cipher"       // a broken cipher is chosen
	ClientCert        ID = "client-certificate"    // the server asks for a client certificate
	ProtLate          ID = "prot-late"             // PROT P only after the login
	ProtRefused       ID = "prot-refused"          // PROT P is refused
	ProtOddCode       ID = "prot-code"             // PBSZ or PROT answered with another code than 200
	CertExpired       ID = "cert-expired"          // the certificate has expired
	CertNotYet        ID = "cert-not-yet"          // the certificate is not valid yet
	CertExpiresSoon   ID = "cert-expires-soon"     // the certificate expires within two weeks
	CertName          ID = "cert-name"             // the certificate is for another name
	CertCommonName    ID = "cert-common-name"      // the name is only in the common name, which clients ignore
	CertSelfSigned    ID = "cert-self-signed"      // the certificate has signed itself and is not trusted here
	CertIncomplete    ID = "cert-chain-incomplete" // the intermediate certificates are missing
	CertUntrusted     ID = "cert-untrusted"        // the authority is unknown here
	CertInvalid       ID = "cert-invalid"          // the certificate can't be used for another reason
	CertWeakKey       ID = "cert-weak-key"         // the key is too short
	CertWeakSignature ID = "cert-weak-signature"   // the certificate is signed by SHA-1 or MD5
	CertTrusted       ID = "cert-trusted"          // the certificate is in order
	CertDiffers       ID = "cert-differs"          // control connections show different certificates
)

// expiresSoon is how many days before its expiry a certificate gets a finding.
const expiresSoon = 14

var tlsFindings = []Finding{
	{AuthRefused, Fail, 0, "", "The server refuses explicit TLS: it is not set up, or switched off.",
		"Set a certificate up in the server and switch TLS on.", ServerConfig},
	{AuthCut, Fail, 0, "", "The connection ends or falls silent as soon as TLS is asked for. A server would answer; this " +
		"is what inspecting firewalls do.", offALG, ServerFirewall},
	{AuthSSLOnly, Warn, 0, "", "Only AUTH SSL is understood, the name from before RFC 4217. Newer clients do not try it.",
		"Update the server.", ServerConfig},
	{HandshakeFailed, Fail, 0, "", "TLS could not be started: the server's certificate or key cannot be used, there is " +
		"no common version or cipher, a client certificate is needed, or something on the way interferes, or drops large packets.",
		"Look into the server's log for this handshake.", ServerConfig},
	{TLSOnlyOld, Fail, 0, "", "Only TLS 1.0 or 1.1 are spoken, which RFC 8996 forbids. Today's clients refuse.",
		"Switch TLS 1.2 and 1.3 on; update the server if it has neither.", ServerConfig},
	{TLSOld, Warn, 0, "", "TLS 1.0 or 1.1 are still accepted, which RFC 8996 forbids and audits complain about.",
		"Set the server's lowest version to TLS 1.2.", ServerConfig},
	{TLSNo12, Warn, 0, "", "Clients without TLS 1.3, which are many in FTP, cannot connect.",
		"Allow TLS 1.2 as well.", ServerConfig},
	{TLSNo13, Info, 0, "", "TLS 1.3 is missing. TLS 1.2 is still safe, and some clients resume better with it.",
		"Update the server's TLS library when there is an occasion.", ServerConfig},
	{TLSWeakCipher, Warn, 0, "", "The server chose a cipher with known weaknesses although better ones were offered.",
		"Limit the server's ciphers to ECDHE with AES-GCM or ChaCha20.", ServerConfig},
	{ClientCert, Info, 0, "", "The server wants or needs a certificate of the client. Some clients (z/OS, SmartFTP) stop " +
		"when they are asked; if one is needed, those without it cannot connect.",
		"Set one up in the clients, or do not ask for it.", ServerConfig},
	{ProtLate, Info, 0, "", "PBSZ and PROT are refused before the login. A few clients send them first.",
		"Nothing needs to be done if your clients work.", ServerConfig},
	{ProtRefused, Fail, 0, "", "The server does not protect data connections. Clients that insist, as they should, cannot " +
		"transfer anything.", "Switch protection of data connections on.", ServerConfig},
	{ProtOddCode, Warn, 0, "", "Some clients (Perl's Net::FTP, commons-net) take nothing but 200 for success here.",
		"Update the server.", ServerConfig},
	{CertExpired, Fail, 0, "", "Clients that verify refuse to connect.", "Renew the certificate and have the server load it.",
		ServerConfig},
	{CertNotYet, Fail, 0, "", "Clients that verify refuse to connect.", "Check the clocks of both machines.", ServerConfig},
	{CertExpiresSoon, Warn, 0, "", "Clients that verify will refuse to connect from then on.",
		"Renew the certificate, and renew it automatically.", ServerConfig},
	{CertName, Fail, 0, "", "Clients that verify refuse to connect by the name they use.",
		"Get a certificate for the name that clients use, or have them use a name of the certificate.", ServerConfig},
	{CertCommonName, Fail, 0, "", "The name stands only in the subject (CN), which today's clients do not read.",
		"Get a certificate with the name as subject alternative name.", ServerConfig},
	{CertSelfSigned, Warn, 0, "", "The certificate vouches for itself. Clients refuse it or ask their user, unless they were " +
		"given it beforehand.", "Get a certificate of a public authority, or hand this one to all clients in a safe way.",
		ServerConfig},
	{CertIncomplete, Fail, 0, "", "The server sends its own certificate without the intermediate ones that lead to an " +
		"authority. Clients that verify refuse it.",
		"Append the intermediate certificates to the server's certificate file (the full chain).", ServerConfig},
	{CertUntrusted, Warn, 0, "", "The authority that signed the certificate is not trusted on this machine.",
		"Hand the authority's certificate to the clients, or get a certificate of a public one.", ClientConfig},
	{CertInvalid, Fail, 0, "", "The certificate cannot prove the server's name in the way clients verify it.",
		"Get another certificate.", ServerConfig},
	{CertWeakKey, Warn, 0, "", "The key is shorter than today's libraries accept.",
		"Make a new key: ECDSA P-256, or RSA with 2048 bits or more.", ServerConfig},
	{CertWeakSignature, Warn, 0, "", "The signature is made by a broken hash, which today's libraries refuse.",
		"Get a new certificate.", ServerConfig},
	{CertTrusted, OK, 0, "", "The certificate proves the server's name.", "", ""},
	{CertDiffers, Info, 0, "", "Two control connections showed different certificates; one of them is easily forgotten when the " +
		"other is renewed.", "Let both use one certificate.", ServerConfig},
}
