// Package server is an FTPS server to embed: explicit and implicit TLS on any
// number of listeners, data ports that a firewall can be told about, and files
// that come from a driver.
//
//	files, err := driver.OpenDir("/srv/ftp")
//	cert, err := tls.Load("cert.pem", "key.pem")
//	ports, err := passive.Range("21000-21010")
//	ports.Announce = passive.Address("203.0.113.7") // what clients outside must dial
//	srv := &server.Server{
//		Driver:  driver.User("alice", os.Getenv("FTP_PASSWORD"), files),
//		TLS:     cert,
//		Passive: ports,
//	}
//	go srv.ListenAndServeTLS(":990")      // implicit
//	log.Fatal(srv.ListenAndServe(":21")) // explicit
//
// # Guarantees
//
// The zero value of every option is the safe one: TLS is required for logins
// and for data, timeouts and limits are on, active mode is off. A data
// connection goes to the session it belongs to or to nobody. An upload is
// committed only when its end is certain as far as the protocol can tell, and
// 226 is sent only after its file is closed. A driver's panic ends one session.
//
// # Security considerations
//
// It is a vulnerability when, with InsecurePlaintext off, a password or a byte
// of a file travels in clear; when a client reaches anything its driver did not
// give it; when one session obtains or disturbs another's data; when the server
// connects to an address that is not the client's; when memory, descriptors or
// goroutines grow without bound under hostile input; when one address, or a
// session that is busy, keeps others from logging in or from being answered; and
// when a real path, a password or a stack trace reaches the wire or, for
// passwords, the log. That a client can use up its own session is not.
package server
