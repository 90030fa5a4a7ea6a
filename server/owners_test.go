package server_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The comments on the parts of a session promise who touches what: each pattern
// occurs in these files and in no other.
func TestOwners(t *testing.T) {
	for what, owner := range map[string]struct {
		pattern string
		files   []string
	}{
		"only control sets deadlines of a control connection; the others are of data connections, and of one that is refused": {
			`\.Set(Read|Write)?Deadline\(`, []string{"control.go", "dataconn.go", "idleconn.go", "room.go", "peek_other.go", "serve.go"}},
		"only visible locks what others see":                {`\b[sv]\.mu\.Lock\(`, []string{"sessions.go"}},
		"only endWith and a panic set the end":              {`\.ending = `, []string{"session.go", "dispatch.go"}},
		"only the inbox has the queue and its attendant":    {`\b(inbox\.queue|inbox\.task|inbox\.done|b\.queue)\b`, []string{"inbox.go"}},
		"only the waiter and the poller know who waits":     {`\b(waiter\.reading|w\.reading|w\.number)\b`, []string{"idle.go", "idlepoller_linux.go"}},
		"verbs are compared nowhere, but for the table":     {`(\bVerb|\bverb) [!=]= "[A-Z]|case "(USER|RETR|STOR|ABOR|QUIT|RNTO|SITE|MLST|HASH)"`, []string{"params.go"}},
		"a row's requirements are checked in one place":     {`row\.need\b`, []string{"command.go"}},
		"what a handler can't know of its verb is a column": {`strings\.Contains\([^)]*help`, nil},
	} {
		found := filesWith(t, regexp.MustCompile(owner.pattern))
		for _, file := range found {
			require.Contains(t, owner.files, file, what)
		}
		require.True(t, len(owner.files) == 0 || len(found) > 0, "%s: the pattern finds nothing", what)
	}
}

// filesWith returns the files of this package that hold a match outside of comments.
func filesWith(t *testing.T, pattern *regexp.Regexp) (found []string) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if code, _, _ := strings.Cut(line, "//"); pattern.MatchString(code) && !slices.Contains(found, file) {
				found = append(found, file)
			}
		}
	}
	return found
}

// The comment on a handler begins with the syntax of its command, as CONTRIBUTING.md says.
func TestHandlersTellTheSyntax(t *testing.T) {
	handler := regexp.MustCompile(`(?m)((?:^//.*\n)*)^func \(s \*session\) (cmd|site)([A-Z]\w*)\(.*wire\.Reply, error\) \{$`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, h := range handler.FindAllStringSubmatch(string(text), -1) {
			verb := strings.ToUpper(h[3])
			if h[2] == "site" {
				verb = "SITE " + verb
			} else if verb == "SITE" {
				verb = "SITE <command>"
			}
			require.Regexp(t, "^// "+verb+"[ :,]", h[1], "%s: %s%s", file, h[2], h[3])
			found++
		}
	}
	require.Greater(t, found, 50)
}
