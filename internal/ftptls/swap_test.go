package ftptls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/tls"
)

// A configuration that is wrong changes nothing; a right one brings its certificate,
// and leaves the keys of tickets alone.
func TestSwap(t *testing.T) {
	first, err := tls.SelfSigned()
	require.NoError(t, err)
	second, err := tls.SelfSigned()
	require.NoError(t, err)
	l, err := NewLayer(first)
	require.NoError(t, err)
	for _, wrong := range []*tls.Config{nil, {}, {MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS12, Certificates: second.Certificates}} {
		require.Error(t, l.Swap(wrong))
		require.Equal(t, first.Certificates, l.current.Load().cfg.Certificates)
	}
	base := l.base
	second.SessionTicketsDisabled = true
	require.NoError(t, l.Swap(second))
	require.Same(t, base, l.base)
	cfg := l.config(&Conn{})
	require.Equal(t, second.Certificates, cfg.Certificates)
	require.True(t, cfg.SessionTicketsDisabled)
	require.True(t, second.SessionTicketsDisabled, "the caller's is never changed")
}
