package clients

import (
	"testing"

	"github.com/sallyport/sallyport/tls"
)

// Kind is a kind of client.
type Kind struct {
	// New returns the client for a server.
	New func(t *testing.T, s *Server) Client
	// Resumes says whether every data connection resumes the TLS session of
	// its control connection; the opposite is that none does.
	Resumes func(Mode) bool
}

// Always is a Kind.Resumes for clients that resume in every mode.
func Always(Mode) bool { return true }

// Never is a Kind.Resumes for clients that resume in no mode.
func Never(Mode) bool { return false }

// Meet puts the client through the Matrix in every mode with TLS, and counts
// the data connections that resumed.
func (k Kind) Meet(t *testing.T) {
	for _, m := range Modes {
		t.Run(m.Name, func(t *testing.T) {
			// The variants of the server are spread over the modes: each client
			// sees them all once.
			s := Start(t, Options{Mode: m, InPlace: m.Implicit, Full: !m.Implicit && !m.TLS12})
			Matrix(t, s, k.New(t, s))
			s.WantResumed(t, k.Resumes(m))
		})
	}
}

// Required asserts that a client that resumes works where resumption is
// required, on a single data port.
func (k Kind) Required(t *testing.T) {
	for _, m := range Modes {
		if !k.Resumes(m) {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			s := Start(t, Options{Mode: m, Reuse: tls.Require, Ports: 1})
			c := k.New(t, s)
			st := &stage{t, s, c, t.TempDir()}
			st.list()
			st.upload()
			st.download()
			st.empty()
			s.WantResumed(t, true)
		})
	}
}
