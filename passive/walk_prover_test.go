package passive

import (
	"context"
	"net"
	"strings"
	"sync"
)

// puppet is a Prover whose handshakes end as the test says, and when.
type puppet struct {
	mu    sync.Mutex
	fates map[net.Conn]chan happening // by the server's end
}

// fate returns the channel that tells how the handshake of a connection ends.
func (p *puppet) fate(c net.Conn) chan happening {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fates[c] == nil {
		p.fates[c] = make(chan happening, 2)
	}
	return p.fates[c]
}

// Identify reads a line: the session whose ticket is shown, or nothing.
func (p *puppet) Identify(c net.Conn) (string, net.Conn, error) {
	line := make([]byte, 8)
	n, err := c.Read(line)
	if err != nil {
		return "", c, err
	}
	return strings.TrimSpace(string(line[:n])), c, nil
}

func (p *puppet) OwnerOf(session string) string { return modelOwners[session[0]-'0'] }

func (p *puppet) Handshake(ctx context.Context, _ string, c net.Conn) (net.Conn, bool, error) {
	select {
	case how := <-p.fate(c):
		if how != breaks {
			return c, how == resumes, nil
		}
		c.Close()
		return nil, false, errShake
	case <-ctx.Done():
		c.Close()
		return nil, false, context.Cause(ctx)
	}
}
