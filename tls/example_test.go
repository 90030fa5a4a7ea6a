package tls_test

import (
	"fmt"
	"log"

	"github.com/sallyport/sallyport/tls"
)

// A throwaway certificate, and what people compare with what their client
// shows them.
func ExampleSelfSigned() {
	cfg, err := tls.SelfSigned("ftp.example.com", "203.0.113.7")
	if err != nil {
		log.Fatal(err)
	}
	cfg.MinVersion = tls.VersionTLS13
	fmt.Println(len(tls.Fingerprint(cfg)))
	// Output: 95
}

// Two certificates; clients get the one for the host they name. They are read
// again when the files change.
func ExampleLoad() {
	_, err := tls.Load("a.pem", "a.key", "b.pem", "b.key")
	fmt.Println(err != nil)
	// Output: true
}
