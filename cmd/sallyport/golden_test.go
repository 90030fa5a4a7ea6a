package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(string(want), "\r\n", "\n"); got != want {
		t.Errorf("%s: got\n%s\nwant\n%s\nIf it is meant to be so: go test ./cmd/sallyport -update", name, got, want)
	}
}

// output returns what a command line prints.
func output(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), args, &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Help can be asked for in each of these ways, and fits a terminal.
func TestHelp(t *testing.T) {
	golden(t, "help.txt", output(t, "help"))
	for _, cmd := range []string{"serve", "config", "firewall", "probe", "test", "status", "vsftpd"} {
		help := output(t, "help", cmd)
		golden(t, "help-"+cmd+".txt", help)
		if got := output(t, cmd, "--help"); got != help {
			t.Errorf("%s --help: %s", cmd, got)
		}
		for line := range strings.Lines(help) {
			if len(line) > 101 {
				t.Errorf("%s: too long: %s", cmd, line)
			}
		}
	}
	for _, cmd := range []string{"sessions", "kick", "ban", "unban", "bans", "ports", "reload", "upgrade", "drain"} {
		if output(t, cmd, "--help") != output(t, "help", "status") {
			t.Errorf("%s has another help than status", cmd)
		}
	}
	golden(t, "faults.txt", output(t, "test", "--fault", "help"))
	golden(t, "kinds.txt", output(t, "firewall", "--kind", "help"))
}
