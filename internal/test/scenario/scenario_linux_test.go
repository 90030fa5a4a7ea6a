package scenario

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The data ports that the two firewalls of most cases let through.
const (
	elevenPorts = "21000-21010"
	onePort     = "21000"
)

// These settings make clients do what most do: ask with PASV, and connect to the
// address they are told even if it can't be right.
var (
	curlPASV = []string{"--disable-epsv", "--no-ftp-skip-pasv-ip"}
	lftpPASV = []string{"ftp:prefer-epsv no", "ftp:fix-pasv-address no"}
)

// scene is one case.
type scene struct {
	*world
	t    *testing.T
	tab  *table
	what string
	data string // for the table
}

func TestScenario(t *testing.T) {
	need(t)
	tab := new(table)
	t.Cleanup(func() { tab.print(t) })
	for _, c := range []struct {
		what string
		play func(*scene)
	}{
		{"eleven data ports", func(s *scene) { s.basic(elevenPorts) }},
		{"one data port", func(s *scene) { s.basic(onePort) }},
		{"IPv6 from end to end", ipv6},
		{"private address announced", privateAddress},
		{"data ports outside what is allowed", portsOutside},
		{"clients on the server's side", bothSides},
		{"two clients behind one NAT, one data port", crowd},
		{"port 21 and FTP helpers", helper},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			c.play(&scene{world: newWorld(t), t: t, tab: tab, what: c.what})
		})
	}
	t.Run("generated rules", func(t *testing.T) { generated(t, tab) })
}

// guard puts up both firewalls, open for control and data ports.
func (s *scene) guard(data string) {
	s.t.Helper()
	allowed := "21, 990, " + data
	if data == everything {
		allowed = data
	}
	s.nft("office", office(allowed))
	s.nft("vendor", vendor(allowed))
	s.data = data
}

// works asserts that a visit succeeds.
func (s *scene) works(v visit) result {
	s.t.Helper()
	r := s.visit(v)
	s.note(v, r.verdict())
	if r.err != nil {
		s.t.Errorf("%s from %s to %s: %v", v.client, v.from, v.url, r.err)
	}
	return r
}

// hangs asserts that a visit fails because the client waits for a connection
// in vain: the data connection, since the client could log in.
func (s *scene) hangs(v visit) result {
	s.t.Helper()
	v.patience = 4 // seconds, enough to log in
	r := s.visit(v)
	s.note(v, r.verdict())
	if r.err == nil || errors.Is(r.err, errDiffers) {
		s.t.Errorf("%s from %s to %s: want a time-out, got %v", v.client, v.from, v.url, r.err)
		return r
	}
	s.says(r, "230 ")
	if v.client == "curl" {
		if r.code() != 28 { // CURLE_OPERATION_TIMEDOUT
			s.t.Errorf("curl: want exit code 28, got %v", r.err)
		}
	} else {
		s.says(r, "Timeout - reconnecting")
		s.says(r, "max-retries exceeded")
	}
	return r
}

// says asserts that a client printed something.
func (s *scene) says(r result, text string) {
	s.t.Helper()
	if !strings.Contains(r.all, text) {
		s.t.Errorf("the client did not print %q", text)
	}
}

// note adds a line to the table.
func (s *scene) note(v visit, verdict string) {
	control := v.url[strings.LastIndex(v.url, ":")+1:]
	s.tab.add(line{s.what, v.client + ", " + v.from, control, s.data, verdict})
}

// sealed puts up both firewalls, and asserts that they drop connections to the
// ports of the server's host that nobody may reach, and that without the
// firewalls nothing drops these.
func (s *scene) sealed(data string) {
	s.t.Helper()
	try := func(want string) {
		s.t.Helper()
		for _, to := range []string{publicV4, serverV6} {
			s.expect("alice", want, to, decoys...)    // through both
			s.expect("internet", want, to, decoys...) // through the vendor's
		}
	}
	s.guard(everything)
	try(open)
	s.guard(data)
	s.expect("desk", open, serverV4, decoys...)
	try(dropped)
	s.nft("vendor", vendor(everything))
	s.expect("alice", dropped, publicV4, decoys...) // dropped at her own firewall
	s.guard(data)
	s.tab.add(line{s.what, "TCP connect", "", "", "dropped by either firewall: " + ports(decoys)})
}

func ports(list []string) string { return strings.ReplaceAll(strings.Join(list, " "), ":", "") }

// basic shows what everybody wants: both kinds of TLS, through few ports.
func (s *scene) basic(data string) {
	s.start(serverOptions{Data: data, Announce: publicV4})
	s.sealed(data)
	for _, client := range clients {
		for _, url := range []string{explicit(publicV4), implicit(publicV4)} {
			r := s.works(visit{from: "alice", client: client, url: url, args: curlPASV, set: lftpPASV})
			s.says(r, "(203,0,113,7,")
		}
	}
}

func ipv6(s *scene) {
	s.guard(onePort)
	s.start(serverOptions{Data: onePort, Announce: publicV4})
	for _, client := range clients {
		for _, url := range []string{explicit(serverV6), implicit(serverV6)} {
			r := s.works(visit{from: "alice", client: client, url: url})
			s.says(r, "(|||21000|)")
		}
	}
}

// privateAddress shows a server behind 1:1 NAT that was not told about the NAT.
func privateAddress(s *scene) {
	s.guard(elevenPorts)
	s.start(serverOptions{Data: elevenPorts})
	for _, client := range clients {
		s.what = "private address announced: PASV, believed"
		r := s.hangs(visit{from: "alice", client: client, url: explicit(publicV4), args: curlPASV, set: lftpPASV})
		s.says(r, "(10,2,0,5,")
		s.what = "private address announced: PASV, client knows better"
		r = s.works(visit{from: "alice", client: client, url: explicit(publicV4),
			args: []string{"--disable-epsv"}, set: []string{"ftp:prefer-epsv no"}})
		s.says(r, "(10,2,0,5,")
		s.what = "private address announced: EPSV has none"
		r = s.works(visit{from: "alice", client: client, url: explicit(publicV4), set: []string{"ftp:prefer-epsv yes"}})
		s.says(r, "(|||210")
	}
}

// portsOutside shows a server whose data ports are not the ones that the
// firewalls let through.
func portsOutside(s *scene) {
	s.guard(elevenPorts)
	s.start(serverOptions{Data: "50000", Announce: publicV4})
	s.data = "50000"
	for _, client := range clients {
		s.what = "data port outside what is allowed: PASV"
		r := s.hangs(visit{from: "alice", client: client, url: explicit(publicV4), args: curlPASV, set: lftpPASV})
		s.says(r, "(203,0,113,7,195,80)")
		s.what = "data port outside what is allowed: EPSV"
		r = s.hangs(visit{from: "alice", client: client, url: explicit(publicV4), set: []string{"ftp:prefer-epsv yes"}})
		s.says(r, "(|||50000|)")
	}
}

// bothSides shows clients that the server must tell different addresses.
func bothSides(s *scene) {
	s.guard(elevenPorts)
	pasv := func(from, client string) visit {
		url := explicit(publicV4)
		if from == "desk" {
			url = explicit(serverV4)
		}
		return visit{from: from, client: client, url: url, args: curlPASV, set: lftpPASV}
	}
	s.start(serverOptions{Data: elevenPorts, Announce: "10.2.0.0/24=" + serverV4 + ", *=" + publicV4})
	for _, client := range clients {
		s.what = "both sides: each is told its own address"
		s.says(s.works(pasv("desk", client)), "(10,2,0,5,")
		s.says(s.works(pasv("alice", client)), "(203,0,113,7,")
	}
	s.start(serverOptions{Data: elevenPorts, Announce: publicV4})
	for _, client := range clients {
		s.what = "both sides: all are told the public address"
		s.says(s.hangs(pasv("desk", client)), "(203,0,113,7,")
		s.works(pasv("alice", client))
	}
}

// crowd shows many transfers at once by clients that the server can't tell from
// one another by their address.
func crowd(s *scene) {
	const files = 40
	s.guard(onePort)
	s.start(serverOptions{Data: onePort, Announce: publicV4})
	var all sync.WaitGroup
	for _, from := range []string{"alice", "bob"} {
		for _, client := range clients {
			v := visit{from: from, client: client, url: explicit(publicV4)}
			all.Go(func() {
				err := s.many(v, from+"-"+client, files)
				verdict := fmt.Sprintf("works: %d uploads and as many downloads, compared", files)
				if err != nil {
					verdict = "fails: " + err.Error()
					s.t.Errorf("%s from %s: %v", client, from, err)
				}
				s.note(v, verdict)
			})
		}
	}
	all.Wait()
}

// many uploads n files to a directory at the server and downloads n others.
func (s *scene) many(v visit, name string, n int) error {
	home := s.t.TempDir()
	want := map[string][]byte{}
	put := func(dir, kind string) (names []string) {
		for i := range n {
			file := fmt.Sprintf("%s-%d", kind, i)
			text := content(1 + i*500)
			s.write(filepath.Join(dir, file), text)
			names = append(names, file)
			want[file] = text
		}
		return names
	}
	there := filepath.Join(s.srv.Root, name)
	for _, dir := range []string{there, filepath.Join(home, "up"), filepath.Join(home, "down")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	downs, ups := put(there, "down"), put(filepath.Join(home, "up"), "up")
	var r result
	if v.client == "curl" {
		var get, send []string
		// One process, several connections: they have one store of TLS tickets.
		parallel := []string{"--parallel", "--parallel-max", "4"}
		for _, file := range downs {
			get = append(get, "-o", filepath.Join("down", file), v.url+"/"+name+"/"+file)
		}
		for _, file := range ups {
			send = append(send, "-T", filepath.Join("up", file), v.url+"/"+name+"/"+file)
		}
		r = s.world.curl(v, home, append(parallel, get...), send)
	} else {
		r = s.world.lftp(v, home, "mirror --parallel=4 "+name+" down", "mirror --reverse --parallel=4 up "+name)
	}
	if r.err != nil {
		return fmt.Errorf("%w: %s", r.err, r.verdict())
	}
	var errs []error
	for file, text := range maps.All(want) {
		if strings.HasPrefix(file, "down") {
			errs = append(errs, same(filepath.Join(home, "down", file), text))
		} else {
			errs = append(errs, same(filepath.Join(there, file), text))
		}
	}
	return errors.Join(errs...)
}
