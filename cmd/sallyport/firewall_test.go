package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/firewall"
)

// The examples in the help work, and so do serve's own defaults.
func TestFirewall(t *testing.T) {
	for _, c := range []struct{ file, args string }{
		{"firewall-defaults.txt", ""},
		{"firewall-border.txt", "--listen :21 --listen-implicit :990 --announce 203.0.113.7 --server 10.0.0.5 --side border --clients 198.51.100.0/24 --kind nftables"},
		{"firewall-client.txt", "--listen :21 --listen-implicit :990 --announce 203.0.113.7 --side client"},
		{"firewall-json.txt", "--listen :21 --listen-implicit= --passive 21000 --announce 203.0.113.7 --server 10.0.0.5 --side border --json"},
	} {
		golden(t, c.file, output(t, append([]string{"firewall"}, strings.Fields(c.args)...)...))
	}
}

// Every kind can be rendered for each of its sides with the required options
// alone.
func TestFirewallKinds(t *testing.T) {
	for _, in := range firewall.Kinds() {
		for _, side := range in.Sides {
			out := output(t, "firewall", "--listen", ":21", "--listen-implicit", "", "--announce", "203.0.113.7",
				"--server", "10.0.0.5", "--passive", "21000", "--kind", string(in.Kind), "--side", string(side))
			if !strings.Contains(out, "21000") || strings.Contains(out, "2990") || strings.Contains(out, "\x1b") {
				t.Errorf("%s, side %s:\n%s", in.Kind, side, out)
			}
		}
		output(t, "firewall", "--kind", string(in.Kind), "--server", "10.0.0.5") // leaves the side at its default, the first
	}
}

// A server that announces an address has flows of that address's family only.
func TestFirewallFamily(t *testing.T) {
	for _, c := range []struct {
		args     string
		families string
	}{
		{"", "ipv4 ipv6"},
		{"--announce 203.0.113.7", "ipv4"},
		{"--announce 203.0.113.7 --server 203.0.113.7 --server 2001:db8::5", "ipv4 ipv6"},
		{"--announce 10.0.0.0/8=dialled,*=203.0.113.7", "ipv4"},
		{"--announce ftp.example.com", "ipv4 ipv6"},
		{"--listen 192.0.2.1:21 --listen-implicit=", "ipv4"},
		{"--server 2001:db8::5", "ipv6"},
	} {
		var got struct {
			Flows []struct{ Family string }
		}
		out := output(t, append([]string{"firewall", "--json"}, strings.Fields(c.args)...)...)
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		var families []string
		for _, f := range got.Flows {
			if !seen[f.Family] {
				seen[f.Family] = true
				families = append(families, f.Family)
			}
		}
		if strings.Join(families, " ") != c.families {
			t.Errorf("%s: got %v", c.args, families)
		}
	}
}

// The firewall command in serve's banner names serve's ports.
func TestBannerNamesTheRules(t *testing.T) {
	p := start(t, "--announce", "10.0.0.0/8=dialled,*=203.0.113.7", "--active")
	i := strings.Index(p.banner, "sallyport firewall")
	if i < 0 {
		t.Fatalf("no command in:\n%s", p.banner)
	}
	line, _, _ := strings.Cut(p.banner[i:], "\n")
	rules := output(t, words(line)[1:]...)
	for _, want := range append(strings.Split(p.fact(t, "data ports"), ","), p.fact(t, "explicit FTPS"), p.fact(t, "implicit FTPS"), "203.0.113.7") {
		if want = strings.TrimPrefix(want, "127.0.0.1:"); !strings.Contains(rules, want) {
			t.Errorf("%s: no %s in\n%s", line, want, rules)
		}
	}
	for _, c := range []struct{ addr, want string }{{":0", ":"}, {"127.0.0.1:0", "127.0.0.1:"}} {
		ln, err := new(settings).listener(t.Context(), "listen", c.addr, ":2121")
		if err != nil {
			t.Fatal(err)
		}
		if got := listened(ln); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s", c.addr, got)
		}
		ln.Close()
	}
}

func TestFirewallMistakes(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"dir", `what is "dir"?`},
		{"--kind netfilter", `--kind: "netfilter" is not known; want change-request, nftables`},
		{"--side middle", `"middle" is not known; want server or border or client`},
		{"--kind cisco --side server", `--side: cisco has none called "server"; want one of [border client]`},
		{"--passive any", "--passive: no rule can name ports that the system chooses"},
		{"--passive 9-1", "--passive: "},
		{"--announce 300.1.1.1", "--announce: "},
		{"--passive 9-1,z --announce 300.1.1.1", "write 1-9\n--passive: passive: ports \"z\": want a port from 1 to 65535 such as 21000, or a range such as 21000-21010\n--announce: "},
		{"--listen= --listen-implicit=", "--listen, --listen-implicit: no control port; give one (21 is usual"},
		{"--listen :0", `--listen: ":0": want a port from 1 to 65535`},
		{"--listen :21000", "--passive, --listen, --listen-implicit: 21000 is a control port and a data port"},
		{"--announce 203.0.113.7 --side border", "--server: the border needs the server's own IPv4 address"},
		{"--announce 203.0.113.7 --side border --json", "--server: the border needs the server's own IPv4 address"},
		{"--server nobody", `"nobody" is no IP address`},
		{"--clients 10.0.0.1/8", "write 10.0.0.0/8 for the network or 10.0.0.1 for the address"},
		{"--clients office", `"office" is no network`},
		{"--server 10.0.0.5 --clients 2001:db8::/32", "--clients: the server has no IPv6 address that clients in"},
		{"--name Über", `--name: "Über": want lower-case`},
	} {
		err := runFirewall(strings.Fields(c.args), t.Output())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "firewall: ") {
			t.Errorf("%q: got %v, want ... %s ...", c.args, err, c.want)
		}
		if !errors.As(err, new(*usageError)) {
			t.Errorf("%q: %T is no usage error", c.args, err)
		}
	}
}

func TestColours(t *testing.T) {
	none := func(string) string { return "" }
	if colours(new(strings.Builder), none) != nil {
		t.Error("colours for a buffer")
	}
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if colours(file, none) != nil {
		t.Error("colours for a file")
	}
	// Uses the null device, a character device like a terminal.
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	env := map[string]string{"WT_SESSION": "1"}
	if colours(null, func(name string) string { return env[name] }) == nil {
		t.Error("no colours for a terminal")
	}
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		if colours(null, func(n string) string { return map[string]string{name: value}[n] }) != nil {
			t.Errorf("colours with %s=%s", name, value)
		}
	}
	got := palette(paint).comments("# why\nallow\n! why\nrem why\n")
	if want := "\x1b[2m# why\x1b[0m\nallow\n\x1b[2m! why\x1b[0m\n\x1b[2mrem why\x1b[0m\n"; got != want {
		t.Errorf("got %q", got)
	}
}
