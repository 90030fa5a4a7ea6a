package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/server"
)

// limits holds the options that limit what clients may take. 0 is no limit.
type limits struct {
	idle, stall                    time.Duration
	sessions, perAddress, failures int
}

var defaultLimits = limits{server.DefaultIdleTimeout, server.DefaultDataTimeout, server.DefaultMaxSessions, server.DefaultMaxSessionsPerAddress, server.DefaultMaxLoginFailures}

// into sets the limits of a server, where 0 stands for the default and a negative value for no
// limit.
func (l limits) into(s *server.Settings) {
	s.IdleTimeout, s.DataTimeout = unless0(l.idle), unless0(l.stall)
	s.MaxSessions, s.MaxSessionsPerAddress, s.MaxLoginFailures = unless0(l.sessions), unless0(l.perAddress), unless0(l.failures)
}

func unless0[N ~int | ~int64](n N) N {
	if n == 0 {
		return -1
	}
	return n
}

// number returns a function that sets a count.
func number(to *int) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no number from 0 up", text)
		}
		*to = int(n)
		return nil
	}
}

// portNumber returns a function that sets a TCP port, 0 for any.
func portNumber(to *uint16) func(string) error {
	return func(text string) error {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no port; want a number from 1 to 65535, or 0 for any", text)
		}
		*to = uint16(n)
		return nil
	}
}

// duration returns a function that sets a duration of at least least.
func duration(to *time.Duration, least time.Duration) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < least {
			return fmt.Errorf("%q is no duration; want one such as 30s or 5m", text)
		}
		*to = d
		return nil
	}
}
