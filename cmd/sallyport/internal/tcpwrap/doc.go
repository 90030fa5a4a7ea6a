// Package tcpwrap reads hosts.allow and hosts.deny, the files of TCP wrappers, as far as they speak of addresses:
// hosts_access(5) and hosts_options(5).
package tcpwrap
