package tcpwrap

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rules returns the rules of two files for vsftpd.
func rules(t *testing.T, allow, deny string) *Rules {
	t.Helper()
	a, err := Parse("allow", allow, "vsftpd", true)
	require.NoError(t, err)
	d, err := Parse("deny", deny, "vsftpd", false)
	require.NoError(t, err)
	return &Rules{append(a, d...)}
}

// The first rule that has the client counts, those of hosts.allow before those of hosts.deny.
func TestRules(t *testing.T) {
	for _, c := range []struct{ allow, deny, in, out string }{
		{"", "", "192.0.2.1 2001:db8::1", ""},
		{"# comment\n\n", " \n", "192.0.2.1", ""},
		{"", "ALL: ALL", "", "192.0.2.1 2001:db8::1 127.0.0.1"},
		{"", "all:all", "", "192.0.2.1"},
		{"", "sshd: ALL", "192.0.2.1", ""},
		{"", "sshd vsftpd, telnetd : ALL", "", "192.0.2.1"},
		{"", "ALL EXCEPT vsftpd: ALL", "192.0.2.1", ""},
		{"", "ALL EXCEPT sshd: ALL", "", "192.0.2.1"},
		{"", "ALL EXCEPT sshd vsftpd EXCEPT vsftpd: ALL", "", "192.0.2.1"},
		{"vsftpd: 192.0.2.1", "ALL: ALL", "192.0.2.1 ::ffff:192.0.2.1", "192.0.2.2 2001:db8::1"},
		{"vsftpd: 192.168.", "ALL: ALL", "192.168.0.1 192.168.255.255", "192.169.0.1 19.2.168.1"},
		{"vsftpd: 10.", "ALL: ALL", "10.1.2.3", "100.1.2.3"},
		{"vsftpd: 192.0.2.", "ALL: ALL", "192.0.2.9", "192.0.3.9"},
		{"vsftpd: 131.155.72.0/255.255.254.0", "ALL: ALL", "131.155.73.9", "131.155.74.0"},
		{"vsftpd: 131.155.72.0/23", "ALL: ALL", "131.155.73.9", "131.155.74.0"},
		{"vsftpd: [2001:db8::]/32 [2001:db9::/32] [2001:dba::1]", "ALL: ALL", "2001:db8::9 2001:db9::9 2001:dba::1", "2001:dba::2 192.0.2.1"},
		{"vsftpd: ALL EXCEPT 192.0.2.1", "ALL: ALL", "192.0.2.2", "192.0.2.1"},
		{"vsftpd: 192.0.2. EXCEPT 192.0.2.0/28 EXCEPT 192.0.2.1", "ALL: ALL", "192.0.2.1 192.0.2.99", "192.0.2.2"},
		{"vsftpd: 192.168.1.4: DENY\nvsftpd: ALL", "", "192.168.1.3", "192.168.1.4"},
		{"", "vsftpd: 192.168.1.3: allow\nvsftpd: ALL", "192.168.1.3", "192.168.1.4"},
		{"", "vsftpd: \\\n 192.0.2.1, \\\n 192.0.2.2", "192.0.2.3", "192.0.2.1 192.0.2.2"},
		{"", "vsftpd: 192.0.2.1\r\n", "192.0.2.3", "192.0.2.1"},
		{"", "vsftpd: 192.0.2.1 : severity auth.info : setenv A b : deny", "192.0.2.3", "192.0.2.1"},
		{"", "sshd: .example.com : spawn (/bin/mail)", "192.0.2.1", ""},
	} {
		r := rules(t, c.allow, c.deny)
		for text := range strings.FieldsSeq(c.in) {
			require.Empty(t, r.Refuses(netip.MustParseAddr(text)), "%s %q %q", text, c.allow, c.deny)
		}
		for text := range strings.FieldsSeq(c.out) {
			require.NotEmpty(t, r.Refuses(netip.MustParseAddr(text)), "%s %q %q", text, c.allow, c.deny)
		}
	}
	require.Equal(t, "deny:2", rules(t, "", "# all\nvsftpd: \\\nALL").Refuses(netip.MustParseAddr("192.0.2.1")))
	require.Empty(t, (*Rules)(nil).Refuses(netip.MustParseAddr("192.0.2.1")))
}

// A line about the daemon that can't be followed is a mistake with its place.
func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"vsftpd":                           `"vsftpd" is no rule; want daemons : clients`,
		"vsftpd:":                          "the rule names no clients",
		"ALL: LOCAL":                       `"LOCAL": the names of clients are not looked up; want ALL, an address, `,
		"ALL: PARANOID":                    `"PARANOID": the names of clients are not looked up`,
		"vsftpd: .example.com":             `".example.com": the names of clients are not looked up`,
		"vsftpd: ftp.example.com.":         `"ftp.example.com.": the names of clients are not looked up`,
		"vsftpd: 192.0.2.1.":               `"192.0.2.1.": the names of clients are not looked up`,
		"vsftpd: .":                        `".": the names of clients are not looked up`,
		"vsftpd: @staff":                   `"@staff": the names of clients are not looked up`,
		"vsftpd: root@192.0.2.1":           `"root@192.0.2.1": the names of clients are not looked up`,
		"vsftpd: ALL EXCEPT /etc/list":     `"/etc/list": the names of clients are not looked up`,
		"vsftpd: 192.0.2.1/24":             `no client is meant by it: 192.0.2.1/24 is an address within a network; write 192.0.2.0/24`,
		"vsftpd: 192.0.2.0/255.0.255.0":    `"192.0.2.0/255.0.255.0": the mask has gaps`,
		"vsftpd: 192.0.2.0/40":             "no client is meant by it: ",
		"vsftpd: [192.0.2.1]":              `"[192.0.2.1]" is no address; IPv6 stands in brackets`,
		"vsftpd@192.0.2.9: ALL":            `"vsftpd@192.0.2.9": rules for one address of this host are not supported`,
		"vsftpd: ALL: spawn /bin/date":     `the option "spawn /bin/date" is not supported, since no command is run for a client`,
		"vsftpd: ALL: twist /bin/echo 421": `the option "twist /bin/echo 421" is not supported`,
		"vsftpd: ALL: /bin/date":           `the option "/bin/date" is not supported`,
		"vsftpd: ALL: allow: setenv A b":   `"allow" is not at the end of the rule`,
		"vsftpd: 192.168.1.3: setenv VSFTPD_LOAD_CONF /etc/other.conf": "a configuration for some clients alone (VSFTPD_LOAD_CONF) is not supported",
	} {
		all, err := Parse("F", "# rules\n"+line+"\n", "vsftpd", true)
		require.ErrorContains(t, err, "F:2: "+want, line)
		require.Empty(t, all, line)
	}
}
