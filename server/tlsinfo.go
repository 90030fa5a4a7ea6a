package server

import (
	stdtls "crypto/tls"

	"github.com/sallyport/sallyport/tls"
)

// TLSInfo is what a TLS handshake has agreed on. The zero value is no handshake.
type TLSInfo struct {
	// Version is tls.VersionTLS12 or tls.VersionTLS13.
	Version uint16
	// CipherSuite is the number that crypto/tls.CipherSuiteName has a name for.
	CipherSuite uint16
	// KeyExchange is the curve, or the hybrid with ML-KEM, on which the key exchange
	// agreed. It is 0 where no keys were exchanged, because a session of TLS 1.2 was
	// resumed.
	KeyExchange tls.CurveID
	// ServerName is the host that the client named (SNI), in the spelling of the
	// client.
	ServerName string
	// Resumed says that the handshake resumed an earlier session, whoever's.
	// [Transfer].Resumed says whether a data connection has proved thereby whose it
	// is.
	Resumed bool
}

// String returns the names, such as "TLS 1.3 TLS_AES_128_GCM_SHA256 X25519MLKEM768".
func (i TLSInfo) String() string {
	text := stdtls.VersionName(i.Version) + " " + stdtls.CipherSuiteName(i.CipherSuite)
	if i.KeyExchange != 0 {
		text += " " + i.KeyExchange.String()
	}
	return text
}

func newTLSInfo(cs tls.ConnectionState) *TLSInfo {
	return &TLSInfo{Version: cs.Version, CipherSuite: cs.CipherSuite, KeyExchange: cs.CurveID, ServerName: cs.ServerName, Resumed: cs.DidResume}
}
