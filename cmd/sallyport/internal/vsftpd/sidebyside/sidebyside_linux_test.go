package sidebyside

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/testenv"
)

// theirs and ours name the daemons that are compared.
const (
	theirs = "vsftpd"
	ours   = "sallyport"
)

// realFiles is where files of others are, of which this repository holds none.
const realFiles = "../../../../../../shared/field/vsftpd-conf"

// files returns the configurations: those of testdata, and real ones where they are beside the repository.
func files(t *testing.T) (all []File, real bool) {
	names, err := filepath.Glob("testdata/files/*.conf")
	require.NoError(t, err)
	others, err := filepath.Glob(realFiles + "/*.conf")
	require.NoError(t, err)
	for _, name := range append(others, names...) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		all = append(all, File{strings.TrimSuffix(filepath.Base(name), ".conf"), string(text)})
	}
	return all, len(others) > 0
}

// The daemons answer the same to the same scripts with the same files, but for what the document tells, and all that it
// tells is so.
func TestSideBySide(t *testing.T) {
	testenv.NeedRoot(t)
	testenv.NeedBinary(t, "ip")
	played, err := scripts()
	require.NoError(t, err)
	confs, real := files(t)
	programs := build(t)
	base := Task{Scripts: played, Hash: hashed(t), Cert: certificate(t)}
	heard := map[string]map[string]*Heard{theirs: {}, ours: {}}
	var mu sync.Mutex
	t.Run("play", func(t *testing.T) {
		for name, all := range heard {
			for i := range stages {
				task := base
				for j := i; j < len(confs); j += stages {
					task.Files = append(task.Files, confs[j])
				}
				task.Keep = []string{programs}
				task.Env = []string{"SALLYPORT_PAM_HELPER=" + filepath.Join(programs, "sallyport-pam"), "SALLYPORT_CONFIG=", "SALLYPORT_CONTROL=", "SALLYPORT_STATE_DIR="}
				task.Daemon = []string{testenv.NeedBinary(t, "vsftpd")}
				if name == ours {
					task.Daemon = []string{filepath.Join(programs, "sallyport"), "vsftpd"}
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					some := perform(t, task)
					mu.Lock()
					defer mu.Unlock()
					maps.Copy(all, some)
				})
			}
		}
	})
	rows, err := known()
	require.NoError(t, err)
	report := table{scripts: played}
	for _, f := range confs {
		require.NotNil(t, heard[theirs][f.Name], f.Name)
		require.NotNil(t, heard[ours][f.Name], f.Name)
		found := contrast(heard[theirs][f.Name], heard[ours][f.Name])
		report.add(f.Name, found)
		for session, all := range found {
			for _, d := range all {
				if !told(rows, d) {
					t.Errorf("%s, %s: a difference that docs/vsftpd.md doesn't tell:\n%s", f.Name, session, d)
				}
			}
		}
	}
	t.Log("\n" + report.String())
	if !real {
		t.Log("files of others are not beside the repository; only those of testdata were compared")
		return
	}
	for _, r := range rows {
		if !r.used {
			t.Errorf("a difference that there is not, though docs/vsftpd.md tells it:\n%s", r.text)
		}
	}
}

// stages is how many stages each daemon has at the same time.
const stages = 4

// perform has a process in namespaces of its own do a task, and returns what was heard.
func perform(t *testing.T, task Task) (heard map[string]*Heard) {
	task.Stage, task.Result = t.TempDir(), filepath.Join(t.TempDir(), "result")
	task.Keep = append(task.Keep, filepath.Dir(task.Result))
	text, err := json.Marshal(task)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "task")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), taskVariable+"="+file)
	cmd.Stderr = t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Run())
	text, err = os.ReadFile(task.Result)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &heard))
	return heard
}
