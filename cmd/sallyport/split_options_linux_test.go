package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// keeperOptions are the options that the engine doesn't need to know: the keeper, or a part that it tells, carries them
// out.
var keeperOptions = strings.Fields(`config dir listen listen-implicit user users-file users-dir allowed-users refused-users tcp-wrappers auth-program auth-program-user auth-url
	insecure-auth-url check-program check-program-user check-timeout system-users system-users-group system-users-dir pam pam-service pam-user pam-session login-delay failed-login-delay pam-helper home owners s3-helper key client-ca uploads log log-format state-dir control run-as system-user uid-min sandbox control-group upgrade-drain`)

// Every option that is not in keeperOptions reaches the engine of a split server, through engineSettings.
func TestSplitOptions(t *testing.T) {
	told := func(s *settings) string {
		text, err := json.Marshal(s.forEngine())
		require.NoError(t, err)
		return string(text)
	}
	values := map[string]string{
		"session-reuse": "off", "uploads": uploadsInPlace, "log-level": "debug", "log-format": formatJSON, "audit-format": formatText,
		"greeting": "Hello", "time-zone": "local", "owners": "hidden", "passive": "1024", "proxy-protocol": "192.0.2.1", "ban-never": "192.0.2.1", "user": "bob:secret",
		"ban-window": "7m", "ban-for": "7m", "idle-timeout": "7m", "data-timeout": "7m", "login-delay": "7s", "failed-login-delay": "7s", "accept-timeout": "7m", "connect-timeout": "7m", "drain": "7m", "upgrade-drain": "7m", "check-timeout": "7m", "auth-url": "https://127.0.0.1/", "disable": "DELE", "sandbox": sandboxOff,
	}
	for i, e := range defaults().entries() {
		s, plain := defaults(), defaults()
		s.auditLog, plain.auditLog = "-", "-" // without which its format means nothing
		value, ok := values[e.name]
		switch {
		case ok:
		case e.value == "":
			value = "true"
		case e.value == "N":
			value = "7"
		default:
			value = "/x"
		}
		if e.name == "audit-log" {
			plain.auditLog = ""
		}
		require.NoError(t, s.entries()[i].set(value), e.name)
		keepers := false
		for _, name := range keeperOptions {
			keepers = keepers || name == e.name
		}
		require.Equal(t, keepers, told(s) == told(plain), "does the engine hear of %s? split_linux.go says what it hears of", e.name)

		var there engineSettings
		require.NoError(t, json.Unmarshal([]byte(told(s)), &there))
		again := there.settings()
		again.auditLog, again.auditFormat = s.auditLog, s.auditFormat // openAudit is told of these
		require.Equal(t, told(s), told(again), "%s doesn't get out of what the engine is told", e.name)
	}
}
