package server

import "reflect"

// TLSSessions returns how many sessions the server's TLS layer takes for living:
// one that is never closed stays in its table for ever.
func TLSSessions(srv *Server) int {
	return reflect.ValueOf(srv.layer).Elem().FieldByName("live").Len()
}
