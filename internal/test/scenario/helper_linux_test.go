package scenario

import "strings"

// helper shows what worked before TLS: firewalls that allow port 21 alone, and
// find out the data ports by reading the control connection.
func helper(s *scene) {
	s.nft("office", office("21"))
	s.nft("vendor", vendor("21"))
	s.data = "any"
	// The vendor's helper looks for the server's own address and translates it;
	// of another address it makes nothing.
	s.start(serverOptions{Data: elevenPorts, Clear: true})
	pasv := visit{from: "alice", url: explicit(publicV4), args: []string{"--disable-epsv"}, set: []string{"ftp:prefer-epsv no"}}
	with := func(client string) visit {
		v := pasv
		v.client = client
		return v
	}
	for _, client := range clients {
		s.what = "port 21 alone, no helpers: FTP in clear"
		s.hangs(with(client))
	}
	for _, host := range []string{"office", "vendor"} {
		if r := s.run(program{host: host, path: "nft", args: []string{"-f", "-"}, stdin: reading}); r.err != nil {
			// The kernel decides, so this is no failure in continuous integration either.
			s.t.Skipf("this kernel has no FTP helper (nf_conntrack_ftp): nft refused ct helper type \"ftp\": %s", strings.TrimSpace(r.all))
		}
	}
	for _, client := range clients {
		s.what = "port 21 alone, helpers: FTP in clear"
		s.says(s.works(with(client)), "(203,0,113,7,")
	}
	s.start(serverOptions{Data: elevenPorts, Clear: true, Announce: publicV4})
	for _, client := range clients {
		s.what = "port 21 alone, helpers: FTP in clear, public address announced"
		s.says(s.hangs(with(client)), "(203,0,113,7,")
	}
	s.start(serverOptions{Data: elevenPorts, CCC: true})
	for _, client := range clients {
		s.what = "port 21 alone, helpers: FTPS"
		s.says(s.hangs(with(client)), "(10,2,0,5,")
		s.what = "port 21 alone, helpers: FTPS with CCC"
		v := with(client)
		// In curl's other mode the server ends TLS, and curl does not answer.
		v.args = append(v.args, "--ftp-ssl-ccc", "--ftp-ssl-ccc-mode", "active")
		v.set = append(v.set, "ftp:ssl-use-ccc yes")
		s.says(s.works(v), "(203,0,113,7,")
	}
}
