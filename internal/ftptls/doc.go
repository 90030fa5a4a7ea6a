// Package ftptls is the TLS of a server's connections: tickets that name their
// session, the judgement of data connections by the ticket they resume, and a record
// path that moves many records in one system call.
//
//	layer, err := ftptls.NewLayer(cfg)        // once per server
//
//	session := layer.Session()                // once per control connection
//	control := session.Control(conn)
//	err = control.HandshakeContext(ctx)
//
//	data := session.Data(conn, tls.Prefer)    // for each transfer
//	err = data.HandshakeContext(ctx)
//
// What a Conn promises to its users stands in package tls.
package ftptls
