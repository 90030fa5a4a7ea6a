package server

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescriptorLimitIsTold(t *testing.T) {
	for _, c := range []struct {
		limit    uint64
		sessions int
		told     bool
	}{
		{1024, 0, true}, {5000, 0, true}, {5001, 0, false}, {1 << 40, 0, false},
		{1024, 1023, false}, {1024, 1024, true},
		{1024, -1, false}, // without a limit of sessions there is nothing to compare
		{0, 0, false},     // the system does not tell
	} {
		var log bytes.Buffer
		srv := &Server{MaxSessions: c.sessions, log: slog.New(slog.NewTextHandler(&log, nil))}
		srv.warnDescriptors(c.limit)
		require.Equal(t, c.told, log.Len() > 0, "%+v: %s", c, &log)
	}
}
