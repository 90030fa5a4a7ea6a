package tls

import stdtls "crypto/tls"

// The types of crypto/tls that a server's owner meets. They are aliases: a
// value of one is a value of the other.
type (
	// Config configures TLS. Make one with Load or SelfSigned, or fill it by
	// hand. A server takes a copy and decides for itself on NextProtos, on record
	// sizes and on what tickets say: WrapSession and UnwrapSession must be nil,
	// also in a Config that GetConfigForClient returns. MinVersion zero means TLS
	// 1.2. Under SessionTicketsDisabled no data connection can ever prove whose it
	// is.
	Config = stdtls.Config
	// Certificate is a chain and its private key.
	Certificate = stdtls.Certificate
	// ConnectionState describes an established connection.
	ConnectionState = stdtls.ConnectionState
	// ClientHelloInfo is what a client said first.
	ClientHelloInfo = stdtls.ClientHelloInfo
	// ClientAuthType says whether client certificates are asked for.
	ClientAuthType = stdtls.ClientAuthType
	// CurveID names a key exchange.
	CurveID = stdtls.CurveID
)

// Protocol versions, for Config.MinVersion and MaxVersion.
const (
	VersionTLS12 = stdtls.VersionTLS12
	VersionTLS13 = stdtls.VersionTLS13
)

// Values of Config.ClientAuth. The zero value asks for no client certificate.
const (
	NoClientCert               = stdtls.NoClientCert
	RequestClientCert          = stdtls.RequestClientCert
	RequireAnyClientCert       = stdtls.RequireAnyClientCert
	VerifyClientCertIfGiven    = stdtls.VerifyClientCertIfGiven
	RequireAndVerifyClientCert = stdtls.RequireAndVerifyClientCert
)

// Key exchanges, for Config.CurvePreferences.
const (
	CurveP256      = stdtls.CurveP256
	CurveP384      = stdtls.CurveP384
	X25519         = stdtls.X25519
	X25519MLKEM768 = stdtls.X25519MLKEM768
)

// VersionName returns the name of a protocol version, such as "TLS 1.3".
func VersionName(version uint16) string { return stdtls.VersionName(version) }

// CipherSuiteName returns the standard name of a cipher suite.
func CipherSuiteName(id uint16) string { return stdtls.CipherSuiteName(id) }
