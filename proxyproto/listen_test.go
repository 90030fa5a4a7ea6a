package proxyproto

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program that may not listen itself has somebody else do it.
func TestListenOfAnother(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	asked := ""
	p := &Protocol{Listen: func(_ context.Context, network, address string) (net.Listener, error) {
		if asked != "" {
			return nil, errors.New("once only")
		}
		asked = network + " " + address
		return inner, nil
	}}
	ln, err := p.ListenData(t.Context(), "tcp4", "127.0.0.1:21000")
	require.NoError(t, err)
	defer ln.Close()
	require.Equal(t, "tcp4 127.0.0.1:21000", asked)
	require.Equal(t, inner.Addr(), ln.Addr())
	_, err = p.ListenData(t.Context(), "tcp4", "127.0.0.1:21000")
	require.EqualError(t, err, "once only")
}
