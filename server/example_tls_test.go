package server_test

import (
	"context"
	stdtls "crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/server"
	"github.com/sallyport/sallyport/tls"
)

// listenHere listens on a port of loopback. A program would listen on ":21" or
// ":990".
func listenHere() net.Listener {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return ln
}

// knows returns the configuration of a client that knows the server's certificate.
func knows(cert *tls.Config) *stdtls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(tls.CertPEM(cert))
	return &stdtls.Config{RootCAs: roots, ServerName: "localhost"}
}

// One server speaks explicit FTPS (RFC 4217), where the client sends AUTH TLS, on one
// listener and implicit FTPS, where TLS comes first, on another. Users, data ports and
// limits are the same.
func Example() {
	cert, err := tls.SelfSigned("localhost") // tls.Load("cert.pem", "key.pem") reads files
	if err != nil {
		panic(err)
	}
	srv := &server.Server{
		Driver:  driver.User("alice", "correct horse", driver.Mem()),
		TLS:     cert,
		Passive: passive.Any(), // passive.Range("21000-21010") where there is a firewall
	}
	defer srv.Close()
	explicit, implicit := listenHere(), listenHere()
	go srv.Serve(explicit)    // ListenAndServe(":21")
	go srv.ServeTLS(implicit) // ListenAndServeTLS(":990")

	plain, err := net.Dial("tcp", explicit.Addr().String())
	if err != nil {
		panic(err)
	}
	c := textproto.NewConn(plain)
	fmt.Println("Explicit:")
	showReply(c)
	converse(c, "USER alice", "AUTH TLS")
	c = textproto.NewConn(stdtls.Client(plain, knows(cert)))
	converse(c, "USER alice", "PASS correct horse")

	secure, err := stdtls.Dial("tcp", implicit.Addr().String(), knows(cert))
	if err != nil {
		panic(err)
	}
	c = textproto.NewConn(secure)
	fmt.Println("Implicit:")
	showReply(c)
	converse(c, "USER alice", "PASS correct horse")
	// Output:
	// Explicit:
	// 220 FTP server ready.
	// 530 TLS is required: send AUTH TLS first.
	// 234 Proceed with the TLS handshake.
	// 331 Password required.
	// 230 Logged in.
	// Implicit:
	// 220 FTP server ready.
	// 331 Password required.
	// 230 Logged in.
}

// All that is wrong with the fields is told at once, before anything listens.
func ExampleServer_Validate() {
	srv := &server.Server{
		Driver:      driver.User("alice", "", driver.Mem()),
		Location:    time.UTC,
		IdleTimeout: time.Minute,
	}
	fmt.Println(strings.Count(srv.Validate().Error(), "\n")+1, "mistakes")
	// Output: 2 mistakes
}

// Shutdown lets transfers end and tells idle clients why they go.
func ExampleServer_Shutdown() {
	srv := &server.Server{Driver: driver.User("alice", "correct horse", driver.Mem())}
	c := connect(srv)
	showReply(c)
	converse(c, "USER alice", "PASS correct horse")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		fmt.Println("transfers were cut:", err)
	}
	showReply(c)
	// Output:
	// 220 FTP server ready.
	// 331 Password required.
	// 230 Logged in.
	// 421 The server is shutting down.
}
