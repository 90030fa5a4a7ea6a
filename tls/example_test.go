package tls_test

import (
	"fmt"
	"log"

	"github.com/sallyport/sallyport/tls"
)

// ExampleSelfSigned makes a throwaway certificate and its fingerprint, which
// people compare with what their client shows them.
func ExampleSelfSigned() {
	cfg, err := tls.SelfSigned("ftp.example.com", "203.0.113.7")
	if err != nil {
		log.Fatal(err)
	}
	cfg.MinVersion = tls.VersionTLS13
	fmt.Println(len(tls.Fingerprint(cfg)))
	// Output: 95
}

// ExampleLoad loads two certificates. A client gets the one for the host that
// it names, and the files are read again when they change.
func ExampleLoad() {
	_, err := tls.Load("a.pem", "a.key", "b.pem", "b.key")
	fmt.Println(err != nil)
	// Output: true
}
