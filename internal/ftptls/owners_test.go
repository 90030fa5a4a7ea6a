package ftptls

import (
	"testing"

	"github.com/sallyport/sallyport/tls"
	"github.com/stretchr/testify/require"
)

// A program keeps the tickets of its sessions apart if it shows each on its own
// session's data connections although another session has a newer one.
func TestApart(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		session := func(owner string, cfg *tls.Config) *Session {
			s := l.Session()
			s.SetOwner(owner)
			login(t, s, cfg)
			return s
		}
		a, b := l.client(version), l.client(version)
		one, two, other := session("owner", a), session("owner", b), session("other", l.client(version))
		show := func(s *Session, cfg *tls.Config, own bool) {
			t.Helper()
			d, client, err := data(t, s, tls.Prefer, cfg)
			require.NoError(t, err)
			require.Equal(t, own, d.ResumedOwn())
			require.NoError(t, d.CloseWrite())
			_, _ = client.Read(make([]byte, 1)) // the next ticket
		}
		for range 2 * apartAfter {
			show(one, a, true) // no other session has a newer ticket, except the first time
		}
		require.False(t, one.Apart())
		for n := range apartAfter - 1 {
			require.False(t, one.Apart())
			show([]*Session{two, one}[n%2], []*tls.Config{b, a}[n%2], true)
		}
		require.True(t, one.Apart())
		require.True(t, two.Apart())
		require.False(t, other.Apart())
		one.SetOwner("owner")
		require.True(t, one.Apart(), "the same owner as before")

		late := session("owner", l.client(version))
		require.False(t, late.Apart(), "it has shown nothing yet")
		show(late, a, false) // the ticket of session one
		require.False(t, one.Apart())
		require.False(t, two.Apart())
		require.False(t, late.Apart())
	})
}

// For a session that gets its owner late, the tickets that it has given before
// count.
func TestOwnerLate(t *testing.T) {
	versions(t, func(t *testing.T, version uint16) {
		l := newLayer(t)
		first, late := l.Session(), l.Session()
		first.SetOwner("owner")
		login(t, first, l.client(version))
		login(t, late, l.client(version))
		require.False(t, first.passesOver())
		late.SetOwner("owner")
		require.True(t, first.passesOver())
		require.False(t, late.passesOver())
	})
}
