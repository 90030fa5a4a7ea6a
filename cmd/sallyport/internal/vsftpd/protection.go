package vsftpd

import "cmp"

// protection translates what TLS protects, and with which certificate.
func (t *Translation) protection() {
	if !t.Yes("ssl_enable") {
		t.put("", "insecure-plaintext", true, "ssl_enable")
		t.tell("ssl_enable", "anybody on the way reads passwords and files; ssl_enable=YES with a certificate is the cure")
		return
	}
	if t.Text("rsa_cert_file") == "" {
		t.mistake("SSL: cannot load RSA certificate", t.At("rsa_cert_file"), "rsa_cert_file is empty: every handshake would fail; name a certificate, or set ssl_enable=NO")
		return
	}
	t.put("", "cert", t.Text("rsa_cert_file"), "rsa_cert_file")
	t.put("", "key", cmp.Or(t.Text("rsa_private_key_file"), t.Text("rsa_cert_file")), "rsa_private_key_file")
	if t.Yes("require_ssl_reuse") {
		t.put("", "session-reuse", "require", "require_ssl_reuse")
	}
	if t.Yes("strict_ssl_read_eof") {
		t.put("", "require-close-notify", true, "strict_ssl_read_eof")
	}
	t.clientCertificates()
	t.whoNeedsTLS()
}

// clientCertificates translates which certificates of clients are asked for.
func (t *Translation) clientCertificates() {
	ca := t.Text("ca_certs_file")
	if ca != "" && (t.Yes("ssl_request_cert") || t.Yes("require_cert")) {
		t.put("", "client-ca", ca, "ca_certs_file")
	}
	if !t.Yes("require_cert") {
		return
	}
	if ca == "" || !t.Yes("local_enable") {
		t.refuse("require_cert", "name those who sign the certificates of local users in ca_certs_file")
		return
	}
	t.put(localTable, "require-certificate", true, "require_cert")
	t.tell("require_cert", "%s", known("require_cert").Why)
}

// whoNeedsTLS translates for whom TLS is no choice.
func (t *Translation) whoNeedsTLS() {
	groups := []struct{ enable, logins, data, table string }{
		{"local_enable", "force_local_logins_ssl", "force_local_data_ssl", localTable},
		{"anonymous_enable", "force_anon_logins_ssl", "force_anon_data_ssl", anonymousTable},
	}
	if t.Yes("guest_enable") && !t.Yes("virtual_use_local_privs") { // vsftpd takes guests for anonymous once they are in
		groups[0].data = "force_anon_data_ssl"
	}
	var clear []string // the options that allow something in clear
	for _, g := range groups {
		for _, option := range []string{g.logins, g.data} {
			if t.Yes(g.enable) && !t.Yes(option) {
				clear = append(clear, option)
				t.tell(option, "anybody on the way may read what TLS doesn't protect")
			}
		}
	}
	if len(clear) == 0 && (t.whole == nil || t.whole.value("", "insecure-plaintext") == nil) {
		return
	}
	t.put("", "insecure-plaintext", true, clear...)
	for _, g := range groups {
		if t.Yes(g.enable) && t.Yes(g.logins) {
			t.put(g.table, "require-tls", true, g.logins)
		}
		if t.Yes(g.enable) && t.Yes(g.data) {
			t.put(g.table, "require-private", true, g.data)
		}
	}
}
