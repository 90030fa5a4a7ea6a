package vsftpd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shared returns the path of a file of others that this repository holds none of, and skips the test where it is
// missing.
func shared(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("../../../../../shared", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("files of others are not beside the repository: %v", err)
	}
	return path
}

// lenient holds the real files with which Debian's vsftpd doesn't start and Sallyport does, and why.
var lenient = map[string]string{
	"24": "no listen key: vsftpd of other distributions listens",
	"37": "listen and listen_ipv6: one process serves both",
	"41": "an option of Red Hat's",
	"72": "an option of Red Hat's",
}

// Real files are understood as Debian's vsftpd has understood them, but for those in lenient.
func TestRealFiles(t *testing.T) {
	oracle, err := os.ReadFile(shared(t, "field/vsftpd-conf/oracle-debian-3.0.3.tsv"))
	require.NoError(t, err)
	differs := map[string]string{}
	files := 0
	for _, line := range strings.Split(strings.TrimSpace(string(oracle)), "\n")[1:] {
		row := strings.Split(line, "\t")
		text, err := os.ReadFile(shared(t, "field/vsftpd-conf/"+row[0]+".conf"))
		require.NoError(t, err)
		files++
		c := &Config{}
		c.Parse(row[0], string(text))
		runs := row[1] == "running"
		require.Equal(t, lenient[row[0]] != "" || runs, len(c.Mistakes) == 0, "%s: %s: %v", row[0], row[2], c.Mistakes)
		if !runs && len(c.Mistakes) == 0 {
			differs[row[0]] = lenient[row[0]]
		}
		require.Empty(t, c.Notes, row[0])
	}
	require.Equal(t, lenient, differs)
	require.Equal(t, 45, files)
}

// The table has every option, with the kind and the default that were read from Debian's binary.
func TestTableIsThatOfTheBinary(t *testing.T) {
	text, err := os.ReadFile(shared(t, "VSFTPD-OPTIONS.md"))
	require.NoError(t, err)
	kinds := map[string][]Kind{"bool": {Bool}, "number": {Number}, "string": {Word, Text}}
	found := 0
	for _, line := range strings.Split(string(text), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 6 || !strings.HasPrefix(line, "| `") {
			continue
		}
		name, kind, usual := strings.Trim(cells[1], " `"), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		o := find(name)
		require.NotNil(t, o, name)
		require.Contains(t, kinds[kind], o.Kind, name)
		require.Equal(t, strings.TrimSuffix(usual, "(none)"), o.Default, name)
		found++
	}
	require.Equal(t, len(Options), found)
}
