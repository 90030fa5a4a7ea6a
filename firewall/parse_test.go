package firewall

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert/yaml"
	"github.com/stretchr/testify/require"
)

func TestComposeParses(t *testing.T) {
	for name, s := range setups() {
		text, err := Render("compose", Server, s)
		require.NoError(t, err)
		var file struct {
			Services map[string]struct {
				Image string
				Ports []string
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(text), &file), name)
		require.Len(t, file.Services, 1)
		require.Equal(t, (&page{Setup: s}).published(), file.Services[s.name()].Ports)
	}
}

func TestKubernetesParses(t *testing.T) {
	for name, s := range setups() {
		text, err := Render("kubernetes", Server, s)
		require.NoError(t, err)
		var service struct {
			APIVersion string
			Kind       string
			Metadata   struct{ Name string }
			Spec       struct {
				Type                     string
				ExternalTrafficPolicy    string
				LoadBalancerSourceRanges []string
				IPFamilyPolicy           string
				IPFamilies               []string
				Selector                 map[string]string
				Ports                    []struct {
					Name, Protocol string
					Port           int
					TargetPort     int
				}
			}
		}
		var document map[string]any
		require.NoError(t, yaml.Unmarshal([]byte(text), &document), name)
		asJSON, err := json.Marshal(document) // Service's decoder refuses unknown fields
		require.NoError(t, err, name)
		decoder := json.NewDecoder(bytes.NewReader(asJSON))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&service), name)
		require.Equal(t, "Local", service.Spec.ExternalTrafficPolicy)
		require.Equal(t, len(s.Clients) > 0, len(service.Spec.LoadBalancerSourceRanges) > 0)

		target := map[int]int{}
		for _, p := range service.Spec.Ports {
			require.Regexp(t, `^[a-z]+-\d+$`, p.Name)
			require.LessOrEqual(t, len(p.Name), 15) // RFC 6335, section 5.1
			require.Equal(t, "TCP", p.Protocol)
			require.Zero(t, target[p.Port], "%s: %d twice", name, p.Port)
			target[p.Port] = p.TargetPort
		}
		want := map[int]int{}
		for _, sv := range s.services() {
			for i, outer := range sv.outer {
				for n := range outer.size() {
					want[int(outer.First)+n] = int(sv.inner[i].First) + n
				}
			}
		}
		require.Equal(t, want, target, name)
	}
}

func TestAWSParses(t *testing.T) {
	for name, s := range setups() {
		for _, side := range []Side{Server, Client} {
			text, err := Render("aws-sg", side, s)
			require.NoError(t, err)
			pieces := strings.Split(body(text, "#"), "'")
			require.Equal(t, 1, len(pieces)%2, "%s: an apostrophe too many", name)
			for i := 1; i < len(pieces); i += 2 {
				var permissions []awsPermission
				require.NoError(t, json.Unmarshal([]byte(pieces[i]), &permissions))
				require.NotEmpty(t, permissions)
				for _, p := range permissions {
					require.Equal(t, "tcp", p.IPProtocol)
					require.LessOrEqual(t, p.FromPort, p.ToPort)
					require.Equal(t, 1, min(1, len(p.IPRanges))+min(1, len(p.IPv6Ranges)))
				}
			}
		}
	}
}

var terraformLine = regexp.MustCompile(`^(\s*[a-z]+ *(".+" ){0,2}\{|\s*\}|\s+[a-z0-9_]+ += ("[^"\\$%]*"|\d+|\["[0-9a-f.:/]+"(, "[0-9a-f.:/]+")*\]|string|var\.[a-z0-9_-]+)|)$`)

func TestTerraformParses(t *testing.T) {
	for name, s := range setups() {
		for _, side := range []Side{Server, Client} {
			text, err := Render("terraform", side, s)
			require.NoError(t, err)
			depth, blocks := 0, 0
			for line := range strings.Lines(body(text, "#")) {
				line = strings.TrimSuffix(line, "\n")
				require.Regexp(t, terraformLine, line)
				depth += strings.Count(line, "{") - strings.Count(line, "}")
				require.GreaterOrEqual(t, depth, 0)
				if strings.Contains(line, "gress {") {
					blocks++
				}
			}
			require.Zero(t, depth)
			flows, err := s.Flows(side)
			require.NoError(t, err)
			want := 0
			for _, f := range flows {
				want += len(f.Ports)
			}
			require.Equal(t, want, blocks, name)
		}
	}
}

// Names of rules fit what clouds accept, and the ports of a ufw rule are no more than
// ufw accepts.
func TestLimits(t *testing.T) {
	s := setups()["everything"]
	s.Name = "a" + strings.Repeat("b", nameLimit-1)
	text, err := Render("gcloud", Client, s)
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, match := range regexp.MustCompile(`create (\S+) `).FindAllStringSubmatch(text, -1) {
		require.Regexp(t, `^[a-z]([-a-z0-9]{0,61}[a-z0-9])$`, match[1])
		require.False(t, seen[match[1]], match[1])
		seen[match[1]] = true
	}
	require.NotEmpty(t, seen)

	var data []string
	for n := range 40 {
		data = append(data, fmt.Sprint(30000+2*n))
	}
	s.Data, s.DataOffset = strings.Join(data, ","), 0
	text, err = Render("ufw", Server, s)
	require.NoError(t, err)
	for _, match := range regexp.MustCompile(`to \S+ port (\S+)`).FindAllStringSubmatch(body(text, "#"), -1) {
		require.LessOrEqual(t, strings.Count(match[1], ",")+1, multiportLimit)
	}
}
