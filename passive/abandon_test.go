package passive

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A client that fails before its transfer (a RETR of a file that is not there)
// leaves a connection behind that may not be accepted yet when the next lease
// begins. On another port it cannot be taken for that one's.
func TestAnyAvoidsAbandonedPort(t *testing.T) {
	p := Any()
	defer p.Close()
	first := lease(t, p, Request{Client: local, Local: local})
	dial(t, local, first.Port())
	first.Close()
	second := lease(t, p, Request{Client: local, Local: local})
	if p.Stats().Accepted == 0 {
		require.NotEqual(t, first.Port(), second.Port())
	}
	same(t, dial(t, local, second.Port()), accept(t, second))
}
