// Package proxyproto serves clients that come through a load balancer, by the PROXY
// protocol (versions 1 and 2): HAProxy's send-proxy and send-proxy-v2, AWS
// Network Load Balancer, nginx's stream module and others. Each connection then
// begins with a header that says who the client is and what it dialled. FTP
// needs that on the control connection and on the data connections alike, since
// the two are matched by the client's address.
//
//	balancers := &proxyproto.Protocol{
//		Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")},
//		Logger:  logger,
//	}
//	ports, err := passive.Range("21000-21010")
//	if err != nil {
//		log.Fatal(err)
//	}
//	ports.Listen = balancers.ListenData
//	srv := &server.Server{Driver: files, TLS: cert, Passive: ports}
//	balancers.Refused = srv.Refused // tells Hooks.Refuse
//	ln, err := net.Listen("tcp", ":21")
//	if err != nil {
//		log.Fatal(err)
//	}
//	log.Fatal(srv.Serve(balancers.Wrap(ln)))
//
// The server then sees, counts, limits and logs the real clients, and announces
// to PASV the address that they dialled at the balancer, so that nothing has to
// be configured but the balancer itself: it forwards the control port and the
// data ports, each under its own number, to one server.
//
// # Security considerations
//
// Whoever may send a header may claim any address. It counts as a vulnerability
// when a header from outside [Protocol.Trusted] is believed, when a connection
// from inside is passed on without one, when slow or hostile peers keep others
// from being accepted, make memory, goroutines or the log grow without bound,
// and when bytes that follow a header are lost. That a host within Trusted can
// pretend to be any client is inherent: name the balancers, not the network that
// they share with others.
package proxyproto
