package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/firewall"
	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/probe"
)

// documents returns the documents that show commands.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(file)] = strings.ReplaceAll(string(text), "\r\n", "\n")
	}
	return texts
}

var (
	shown = regexp.MustCompile("(?m)^(?:go run \\./cmd/)?sallyport (serve|config|firewall|probe|test|sessions|kick|ban|unban|bans|ports|status|reload|drain|vsftpd)(?: (.*))?$|`sallyport (firewall) ([^`]*)`")
	word  = regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`)
)

// words splits a line as a shell does, as far as the documents need.
func words(line string) (all []string) {
	line, _, _ = strings.Cut(line, "  #")
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		all = append(all, m[1]+m[2]+m[3])
	}
	return all
}

// Every command in the documents is valid.
func TestDocumentedCommands(t *testing.T) {
	tried := map[string]int{}
	for file, text := range documents(t) {
		for _, m := range shown.FindAllStringSubmatch(text, -1) {
			cmd, args := m[1]+m[3], words(m[2]+m[4])
			var err error
			switch cmd {
			case "serve":
				environ := os.Environ()
				if len(args) == 0 { // the file has everything
					environ = []string{"SALLYPORT_CONFIG=" + configure(t, documentedConfig(t))}
				}
				_, err = load("serve", args, environ)
			case "config":
				if args[0] == "password" {
					_, err = hashKind(args[1:])
					break
				}
				if len(args) == 1 && args[0] == "example" {
					break
				}
				_, err = load("config", args[1:], []string{"SALLYPORT_CONFIG=" + configure(t, documentedConfig(t))})
			case "firewall":
				err = runFirewall(args, t.Output())
			case "test":
				_, err = parseTest(args)
			case "status", "sessions", "kick", "ban", "unban", "bans", "ports", "reload", "upgrade", "drain":
				_, _, err = parseOperate(cmd, args)
			case "vsftpd":
				if !slices.Contains([]string{"--check", "--to-toml", "/etc/vsftpd.conf"}, args[0]) {
					err = fmt.Errorf("%q is not what the document has shown so far", args[0])
				}
			case "probe":
				_, err = parseProbe(args, func(string) string { return "secret" })
			}
			if err != nil {
				t.Errorf("%s: sallyport %s %q: %v", file, cmd, args, err)
			}
			tried[cmd]++
		}
	}
	if tried["serve"] < 2 || tried["firewall"] < 10 || tried["probe"] < 2 || tried["test"] < 3 {
		t.Errorf("only these were found: %v", tried)
	}
}

// The programs that the documents run can be run from the root, whichever module they belong to.
func TestDocumentedPrograms(t *testing.T) {
	found := map[string]bool{}
	for file, text := range documents(t) {
		for _, m := range regexp.MustCompile(`go run (\./[\w/]+)`).FindAllStringSubmatch(text, -1) {
			if found[m[1]] {
				continue
			}
			cmd := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Name}}", m[1])
			cmd.Dir = "../.."
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "main\n" {
				t.Errorf("%s: go run %s: %v\n%s", file, m[1], err, out)
			}
			found[m[1]] = true
		}
	}
	if !found["./cmd/sallyport"] || !found["./bench"] {
		t.Errorf("only these were found: %v", found)
	}
}

// Findings that the firewall guide names exist.
func TestDocumentedFindings(t *testing.T) {
	var known []string
	for _, f := range probe.Catalog() {
		known = append(known, string(f.ID))
	}
	others := []string{"this-form", "send-proxy", "send-proxy-v2", "check-send-proxy"}
	for _, k := range firewall.Kinds() {
		others = append(others, string(k.Kind))
	}
	found := 0
	for _, m := range regexp.MustCompile("`([a-z]+(?:-[a-z]+)+)`").FindAllStringSubmatch(documents(t)["firewalls.md"], -1) {
		switch {
		case slices.Contains(known, m[1]):
			found++
		case !slices.Contains(others, m[1]):
			t.Errorf("%s is no finding", m[1])
		}
	}
	if found < 10 {
		t.Errorf("only %d were found", found)
	}
}

// The document about faults describes them as package ftpstest does.
func TestDocumentedFaults(t *testing.T) {
	table := "| Fault | What happens | The mistake of a client that shows then |\n|---|---|---|\n"
	for _, k := range ftpstest.Kinds() {
		table += fmt.Sprintf("| `%s` | %s | %s |\n", k.Example, k.Does, k.Catches)
	}
	if !strings.Contains(documents(t)["testing.md"], "\n\n"+table+"\n") {
		t.Errorf("docs/testing.md doesn't have this table:\n%s", table)
	}
}

// Every key of a user is documented, and the configuration file in the documents is valid.
func TestDocumentedConfiguration(t *testing.T) {
	text := documents(t)["operating.md"]
	for key := range keysOfAccount() {
		if !regexp.MustCompile("(?m)^\\| [^|]*`" + key + "`[^|]*\\|").MatchString(text) {
			t.Errorf("docs/operating.md doesn't say what %s is", key)
		}
	}
	if s, err := load("serve", []string{"--config", configure(t, documentedConfig(t))}, nil); err != nil || len(s.everybody()) != 2 {
		t.Errorf("%v: %+v", err, s)
	}
	var live []string
	for _, e := range new(settings).entries() {
		if e.when == atReload && e.toml != "" {
			live = append(live, "`"+e.name+"`")
		}
	}
	_, said, _ := strings.Cut(text, "users with all their keys, ")
	said, _, _ = strings.Cut(strings.ReplaceAll(said, "\n", " "), ".")
	said = strings.ReplaceAll(said, " and ", ", ")
	if got := strings.Split(said, ", "); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(live))) {
		t.Errorf("docs/operating.md says that %q follow a reload, which %q do", got, live)
	}
}

// All fields of the control socket's answers and requests are documented.
func TestDocumentedControl(t *testing.T) {
	text := documents(t)["operating.md"]
	for _, of := range []reflect.Type{
		reflect.TypeFor[status](), reflect.TypeFor[listening](), reflect.TypeFor[certificateReport](), reflect.TypeFor[reloaded](), reflect.TypeFor[session](),
		reflect.TypeFor[portReport](), reflect.TypeFor[kickRequest](), reflect.TypeFor[banList](), reflect.TypeFor[ban](), reflect.TypeFor[banRequest](), reflect.TypeFor[banned](), reflect.TypeFor[unbanRequest](), reflect.TypeFor[unbanned](), reflect.TypeFor[kicked](), reflect.TypeFor[drained](), reflect.TypeFor[upgraded](), reflect.TypeFor[failure](),
	} {
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, `"`+name+`"`) {
				t.Errorf("docs/operating.md doesn't name %s of %v", name, of)
			}
		}
	}
}

// Every source of users in the documents is valid, and what programs are told is documented.
func TestDocumentedSources(t *testing.T) {
	text := documents(t)["operating.md"]
	_, sources, _ := strings.Cut(text, "\n## Where users come from\n")
	sources, _, _ = strings.Cut(sources, "\n## ")
	blocks := regexp.MustCompile("(?ms)^(?:`/etc/sallyport/users.d/(\\w+).toml`:\n\n)?```toml\n(.*?)^```").FindAllStringSubmatch(sources, -1)
	dir := t.TempDir()
	for _, b := range blocks {
		if strings.Contains(b[2], "run-as") && runtime.GOOS != "linux" {
			continue
		}
		b[2] = strings.ReplaceAll(b[2], `run-as = "sallyport"`, `run-as = "20000:20000"`) // a user that few hosts have
		file := configure(t, strings.ReplaceAll(b[2], "/etc/sallyport/users.d", dir))
		if b[1] != "" {
			file = configure(t, fmt.Sprintf("users-dir = %q", dir))
			if err := os.WriteFile(filepath.Join(dir, b[1]+".toml"), []byte(b[2]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if s, err := load("serve", []string{"--config", file}, nil); err != nil || s.nobody() {
			t.Errorf("%v\n%s", err, b[2])
		}
	}
	if len(blocks) < 5 {
		t.Errorf("only %d were found", len(blocks))
	}
	for field := range reflect.TypeFor[attempt]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "-" && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/operating.md doesn't name %s", name)
		}
	}
}

// documentedConfig returns the configuration file in the documents.
func documentedConfig(t *testing.T) string {
	t.Helper()
	_, file, _ := strings.Cut(documents(t)["operating.md"], "```toml\n")
	file, _, _ = strings.Cut(file, "```")
	return file
}

// All fields of the line that a program reads are documented.
func TestDocumentedLine(t *testing.T) {
	for field := range reflect.TypeFor[facts]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		for file, text := range map[string]string{"the help": testUsage, "testing.md": documents(t)["testing.md"]} {
			if !strings.Contains(text, name) {
				t.Errorf("%s doesn't name %s", file, name)
			}
		}
	}
}
