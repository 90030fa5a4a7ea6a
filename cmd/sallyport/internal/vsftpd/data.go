package vsftpd

import (
	"fmt"
	"net/netip"
	"strings"
)

// dataConnections translates how data connections are made.
func (t *Translation) dataConnections() {
	if t.Yes("pasv_enable") {
		t.passive()
		t.announce()
	}
	if t.Yes("pasv_enable") && t.Yes("pasv_promiscuous") {
		t.put("", "insecure-any-peer", true, "pasv_promiscuous")
		t.tell("pasv_promiscuous", "whoever connects to a data port first, from anywhere, gets the file or stores another; remove the line")
	}
	t.dataTimeouts()
	t.put("", "active", t.Yes("port_enable"), "port_enable")
	if t.Yes("port_enable") && t.Yes("port_promiscuous") {
		t.put("", "insecure-active-anywhere", true, "port_promiscuous")
		t.tell("port_promiscuous", "clients can have this server connect to other hosts, and to ports of this host behind its firewall; remove the line")
	}
	switch {
	case !t.Yes("port_enable") || !t.Yes("connect_from_port_20"):
	case t.Yes("run_as_launching_user"):
		t.tell("connect_from_port_20", "active data connections leave from any port, since that needs root")
	default:
		t.put("", "active-port", t.Number("ftp_data_port"), "ftp_data_port", "connect_from_port_20")
	}
}

// dataTimeouts translates how long clients may take with data connections.
func (t *Translation) dataTimeouts() {
	for _, o := range []struct{ key, option string }{
		{"accept-timeout", "accept_timeout"}, {"connect-timeout", "connect_timeout"}, {"data-timeout", "data_connection_timeout"},
	} {
		if n := t.Number(o.option); n > 0 || o.key == "data-timeout" {
			t.put("", o.key, fmt.Sprintf("%ds", n), o.option)
		} else {
			t.tell(o.option, "clients have 30 seconds, where vsftpd would wait for ever")
		}
	}
}

// passive translates the range of data ports.
func (t *Translation) passive() {
	least, most := t.Number("pasv_min_port"), t.Number("pasv_max_port")
	switch {
	case least > 65535 || most > 65535:
		t.mistake("bad number in config file for: pasv_max_port", t.At("pasv_max_port"), "the ports %d to %d are none; want ports up to 65535", least, most)
		return
	case !t.Set("pasv_min_port") && !t.Set("pasv_max_port"), least == 0 && most == 0:
		t.put("", "passive", "any", "pasv_min_port", "pasv_max_port")
		t.tell("pasv_min_port", "the system chooses data ports, which no firewall can name; set pasv_min_port and pasv_max_port")
		return
	case most == 0:
		most = 65535
	}
	least = max(least, 1024)
	if most < least {
		least, most = max(most, 1024), least
		t.tell("pasv_max_port", "it is below pasv_min_port; the ports are %d-%d, where vsftpd would take those up to 65535", least, most)
	}
	set := fmt.Sprintf("%d-%d", least, most)
	if port := t.Number("listen_port"); least <= port && port <= most {
		set += fmt.Sprintf(",!%d", port)
	}
	t.put("", "passive", set, "pasv_min_port", "pasv_max_port")
}

// announce translates the address that clients are told.
func (t *Translation) announce() {
	told := t.Text("pasv_address")
	if told == "" {
		return
	}
	a, err := netip.ParseAddr(told)
	switch {
	case err == nil && a == netip.IPv4Unspecified():
		t.tell("pasv_address", "clients are told the address that they have dialled; remove the line")
	case err == nil && a.Is4():
		t.put("", "announce", told, "pasv_address")
	case t.Yes("pasv_addr_resolve") && !strings.ContainsAny(told, " <>=,*/"):
		t.put("", "announce", told, "pasv_address", "pasv_addr_resolve")
	default:
		t.mistake("invalid pasv_address", t.At("pasv_address"), "%q is no IPv4 address, such as 203.0.113.7; a name needs pasv_addr_resolve=YES", told)
	}
}

// Ports returns in words which ports a firewall has to let through.
func (t *Translation) Ports() string {
	control, _ := t.value("", "listen").(string)
	if implicit, _ := t.value("", "listen-implicit").(string); implicit != "" {
		control = implicit
	}
	text := "TCP to port " + control[strings.LastIndexByte(control, ':')+1:] + " (logins)"
	switch set, _ := t.value("", "passive").(string); set {
	case "":
	case "any":
		text += " and to all ports from 1024 on (data)"
	default:
		set, _, _ = strings.Cut(set, ",")
		text += " and to ports " + set + " (data)"
	}
	if active, _ := t.value("", "active").(bool); active {
		text += ", and out from here to clients that use active mode"
	}
	return text
}
