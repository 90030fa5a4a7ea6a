package ftpstest_test

import (
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
)

// Nobody reaches the server by another address than its own, and the only file on the
// disk has no private key.
func TestReachedAtItsAddressOnly(t *testing.T) {
	srv := ftpstest.Start(t)
	pem, err := os.ReadFile(srv.CAFile)
	require.NoError(t, err)
	require.NotContains(t, string(pem), "PRIVATE")

	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	data, err := c.EPSV()
	require.NoError(t, err)
	for _, addr := range []string{srv.Addr, srv.ImplicitAddr, data} {
		host, port, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1", host)
		if runtime.GOOS == "linux" { // elsewhere 127.0.0.2 is nobody's
			_, err = net.Dial("tcp", net.JoinHostPort("127.0.0.2", port))
			require.Error(t, err, addr)
		}
	}
}
