package server

import "context"

// sessionContext is a context that names a session. It is below every context that
// the embedder's functions are given on behalf of that session.
type sessionContext struct {
	context.Context
	session *session
}

// sessionKey is the key of a session in its contexts.
type sessionKey struct{}

// Value returns the session for sessionKey, and for other keys what the context below
// has.
func (c sessionContext) Value(key any) any {
	if key == (sessionKey{}) {
		return c.session
	}
	return c.Context.Value(key)
}

// SessionFrom returns the present state of the session on whose behalf a function was
// called. A session is in every context that the server gives to a [driver.Driver],
// to a [driver.FS] and what that opens, to the functions of Intercept, to
// [passive.Ports.Announce], and, by ClientHelloInfo.Context, to the functions of TLS;
// and in contexts made from these. ok is false for a context without a session.
// SessionFrom may be called concurrently, also after the session is over.
func SessionFrom(ctx context.Context) (info SessionInfo, ok bool) {
	s, ok := ctx.Value(sessionKey{}).(*session)
	if !ok {
		return SessionInfo{}, false
	}
	return s.info(), true
}
