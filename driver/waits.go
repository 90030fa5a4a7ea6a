package driver

import (
	"context"

	"github.com/sallyport/sallyport/internal/loginwait"
)

// LoginWaits tells the server that a call of [Driver].Login waits for another process or
// host from now on, and computes nothing: the next login is judged meanwhile. Without
// LoginWaits the server finds out after a second, and until then as many logins as
// Server.MaxLogins keep all others waiting. ctx is the context of the call or was made
// from it; with any other context LoginWaits does nothing. It may be called more than
// once, and concurrently.
//
// Sixteen times Server.MaxLogins may wait at once before others have to. A driver with
// several sources of users bounds how many logins wait for each of them, and refuses
// those beyond with an [*Error] of code 421, so that a source which hangs holds up nobody
// who is known to another.
func LoginWaits(ctx context.Context) { loginwait.Tell(ctx) }
