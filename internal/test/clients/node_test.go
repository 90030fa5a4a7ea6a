package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// nodeKind returns the kind for basic-ftp, in a directory where npm has
// installed it.
func nodeKind(dir string) Kind {
	return Kind{
		New: func(t *testing.T, s *Server) Client {
			return &node{scripted{Program{Server: s, Home: t.TempDir()}, testenv.NeedBinary(t, "node"), filepath.Join(dir, "client.js")}}
		},
		Resumes: Always,
	}
}

// node hides that basic-ftp parses listings itself: List returns names and no
// lines.
type node struct{ scripted }

func (c *node) List(dir string) (names []string, err error) {
	err = c.run(&names, "list", dir)
	return names, err
}

// installNode copies the script and its package.json to a directory and lets
// npm install what package.json names.
func installNode(t *testing.T) (dir string) {
	t.Helper()
	testenv.NeedBinary(t, "node")
	npm := testenv.NeedBinary(t, "npm")
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.FromSlash("testdata/node"))); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(npm, "install", "--no-package-lock", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		testenv.Missing(t, "npm can't install basic-ftp: %v\n%s", err, out)
	}
	return dir
}

func TestNode(t *testing.T) {
	kind := nodeKind(installNode(t))
	t.Run("matrix", kind.Meet)
	t.Run("required", kind.Required)
}
